"""What the process tells of itself: logs, metrics, health and its supervisor's datagrams.

Nothing here decides anything, and nothing here may stop the loop.
"""
