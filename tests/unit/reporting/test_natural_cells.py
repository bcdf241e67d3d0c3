"""Tables of what natural-image representations are like: digits by the interval, as no unit is known of a measure."""

import pandas as pd
import pytest

from advtransfer.reporting.natural_study import _cell


@pytest.mark.parametrize(
    ("mean", "high", "text"),
    [
        (43.2123, 43.5678, "43.21 ± 0.36"),
        (1234.5, 1322.0, "1234 ± 88"),
        (0.81234, 0.81642, "0.8123 ± 0.0041"),
        (1.0, 1.0 + 3e-15, "1.0000 ± 0.0000"),
        (0.5, 0.5, "0.5000 ± 0.0000"),
        (43.2123, float("nan"), "43.21"),
    ],
)
def test_a_cell_has_the_digits_that_its_interval_allows(mean, high, text):
    own = pd.DataFrame({"metric": ["m"], "mean": [mean], "high": [high]}).set_index("metric")
    assert _cell(own, "m") == text
    assert _cell(own, "other") == "–"
