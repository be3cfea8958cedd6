"""Certifying a bundle and its settings on a simulated fleet that nothing was learnt on.

* `fleets` draws it: machines of the family `PROVING`, and what happens to them in a year.
* `panel` lets several settings judge the same windows side by side.
* `healthy` counts false alerts per sensor-year and says which chart and which disturbance made
  them; `statistic` keeps the distribution of the charts' values that a threshold follows from.
* `degrading` says how many failing bearings are found and how long before failure; `arrival` how
  many that were damaged when the sensor was commissioned are suspected.
* `likeness` compares healthy running, simulated and recorded.

All of it is a function of a seed; nothing here reads a clock or a file.
"""
