"""What was learnt, and judging with it: networks, bundles, engines, charts and the detector."""
