"""A small plant on real servers: windows, settings, the real process, what it left behind.

``bundles`` writes a bundle that needs no training, ``windows`` makes the log, ``site`` makes
topics, bucket and settings file, ``process`` runs ``bearingwatch run`` (by way of ``dying``, which
can let it die on cue), ``readings`` reads InfluxDB and the topics back,
``sockets`` clears up behind the Kafka client.
"""
