"""Real servers for the tests: found, or fetched and built, then run on loopback and stopped.

``cache`` keeps what was built outside the checkout, ``kafka`` and ``influxdb`` know one server
each, ``plan`` decides where each server comes from, and ``python -m tests.servers`` does it all
from the command line.
"""
