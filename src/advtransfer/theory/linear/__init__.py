"""The linear transfer model (numpy alone: it starts in 0.2 s, torch would take 2 to 5 s).

`study.run_scenario` simulates one scenario, `rates.sweep` varies one parameter, `comparison.compare_rates`
puts fitted and expected exponents side by side.
"""
