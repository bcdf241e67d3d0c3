"""DVC rewrites params.yaml to set a value for an experiment: anchors and numbers of ours must survive it."""

from advtransfer.params import load_params

KEY = "studies.tiny.variants.adversarial-l2.perturbation.attack.eps"


def test_setting_one_value_for_an_experiment_changes_no_other(source, tmp_path):
    project = source.copy_to(tmp_path / "copy")
    expected = load_params(project.path("params.yaml")).model_dump()
    project.tool("dvc", "exp", "run", "--queue", "--set-param", f"params.yaml:{KEY}=1.0")
    rewritten = tmp_path / "params.yaml"
    rewritten.write_text(project.tool("git", "show", "refs/exps/celery/stash:params.yaml"))
    attack = expected["studies"]["tiny"]["variants"]["adversarial-l2"]["perturbation"]["attack"]
    assert attack["eps"] == 0.5
    attack["eps"] = 1.0
    assert load_params(rewritten).model_dump() == expected
