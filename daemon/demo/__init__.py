"""The whole product in a minute: a simulated fleet through the daemon's own loop.

`fleet` draws the machines and lets their time pass quickly, `outcome` compares what was said with
what is true, `live` and `plain` show it. Nothing here judges anything.
"""
