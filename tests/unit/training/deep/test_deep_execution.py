"""Compilation with a way back, process-wide settings that are put back, and what a run tells."""

import io
import re
from itertools import pairwise

import pytest
import torch
from deep_lab import Tiny, images, train

from advtransfer.training.deep import progress as progress_module
from advtransfer.training.deep.execution import Execution
from advtransfer.training.deep.progress import Progress

PGD = {"attack": {"norm": "linf", "eps": 0.05, "steps": 2}}
real_compile = torch.compile


def compiling(monkeypatch, backend):
    """torch.compile with a backend that needs no C++ compiler."""
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", lambda model: real_compile(model, backend=backend))


@pytest.mark.parametrize("spec", [None, PGD, {"free": {"eps": 0.05, "replays": 2}}])
def test_a_compiled_model_trains_as_the_model_itself(monkeypatch, capsys, spec):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiling(monkeypatch, backend)
    fast = train(Tiny("batch", dropout=0.0), spec, steps=4, execution=Execution(compile=True))
    plain = train(Tiny("batch", dropout=0.0), spec, steps=4)
    assert len(graphs) >= 2  # in train mode and under attack
    torch.testing.assert_close(fast.curves, plain.curves)
    torch.testing.assert_close(fast.weights, plain.weights)
    assert fast.weights.keys() == plain.weights.keys()
    assert capsys.readouterr().err == ""


def test_trying_the_compiler_leaves_no_trace(monkeypatch):
    compiling(monkeypatch, "eager")
    model = Tiny("batch")
    before = {name: t.clone() for name, t in model.state_dict().items()}
    Execution(compile=True).compiled(model, images(4)[0].float() / 255)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters()) and model.training


def test_a_compiler_that_fails_is_told_of_in_one_line_and_done_without(monkeypatch, capsys):
    def backend(graph, inputs):
        raise OSError("no compiler\nand a long story")

    compiling(monkeypatch, backend)
    fast = train(Tiny("batch"), PGD, steps=3, execution=Execution(compile=True))
    plain = train(Tiny("batch"), PGD, steps=3)
    assert torch.equal(fast.curves["loss"], plain.curves["loss"])
    told = capsys.readouterr().err.strip()
    assert told.startswith("torch.compile failed, training goes on without it: ") and "\n" not in told


def test_settings_hold_inside_and_end_with_the_training():
    def settings():
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.allow_tf32,
            torch.backends.cudnn.benchmark,
            torch.utils.deterministic.fill_uninitialized_memory,
        )

    before, device = settings(), torch.device("cpu")
    with Execution(deterministic=True, tf32=False).active(device):
        assert settings() == (True, "highest", False, False, False)
    with pytest.raises(KeyError), Execution(deterministic=False, tf32=True).active(device):
        assert settings() == (False, "high", True, True, False)
        raise KeyError
    assert settings() == before


def test_an_operation_without_a_deterministic_form_is_refused():
    """torch's own check is on: on a CPU this is one of few operations that it concerns."""
    with (
        Execution(deterministic=True).active(torch.device("cpu")),
        pytest.raises(RuntimeError, match="determ"),
    ):
        torch.zeros(5).put_(torch.tensor([0, 0]), torch.ones(2))


# -- progress ----------------------------------------------------------------------------------------------------------


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress_module.time, "monotonic", lambda: self.now)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def progress(stream, **changes):
    return Progress(
        "job", **{"steps": 40, "images_per_step": 12, "images_per_epoch": 48, "stream": stream} | changes
    )


def values():
    return {"loss": 1.23456, "accuracy": 0.5}


def test_a_log_gets_a_line_at_intervals_and_a_last_one(monkeypatch):
    clock, log = Clock(monkeypatch), io.StringIO()
    told = progress(log)
    told.begin(0)
    asked = []
    for done in range(1, 41):
        clock.now += 7
        told.report(done, lambda done=done: asked.append(done) or values())
    lines = log.getvalue().splitlines()
    assert asked == [9, 18, 27, 36, 40] and len(lines) == 5  # every 60 s, and at the end
    assert lines[0] == (
        "job  epoch 2.25/10.00  step 9/40  2 images/s  loss 1.235  accuracy 0.500  ETA 0:03:37"
    )
    assert lines[-1].startswith("job  epoch 10.00/10.00  step 40/40") and lines[-1].endswith("ETA 0:00:00")


def test_a_resumed_training_counts_its_own_speed(monkeypatch):
    clock, log = Clock(monkeypatch), io.StringIO()
    told = progress(log)
    told.begin(30)
    clock.now += 60
    told.report(35, values)
    assert "step 35/40  1 images/s" in log.getvalue() and "ETA 0:01:00" in log.getvalue()


def test_a_terminal_has_one_live_line(monkeypatch):
    clock, screen = Clock(monkeypatch), Terminal()
    told = progress(screen)
    told.begin(0)
    for done in range(1, 41):
        clock.now += 1.0
        told.report(done, lambda done=done: {"loss": 12345.0 / done**3})
    shown = screen.getvalue()
    assert shown.count("\n") == 1 and shown.endswith("\n")
    lines = shown.rstrip("\n").split("\r")[1:]
    assert len(lines) == 40
    assert any(len(new.rstrip()) < len(old.rstrip()) for old, new in pairwise(lines))
    assert all(
        len(new) >= len(old.rstrip()) for old, new in pairwise(lines)
    )  # nothing of the old line is left


def test_a_training_reports_means_since_its_last_line():
    log = io.StringIO()
    told = progress(log, steps=10, every_seconds=1e-9)
    curves = train(progress=told).curves
    losses = [float(found) for found in re.findall(r"loss ([\d.]+)", log.getvalue())]
    assert losses == pytest.approx(curves["loss"].tolist(), abs=1e-3)
    log = io.StringIO()
    train(progress=progress(log, steps=10))
    assert re.findall(r"loss ([\d.]+)", log.getvalue()) == [f"{curves['loss'].mean():.3f}"]
