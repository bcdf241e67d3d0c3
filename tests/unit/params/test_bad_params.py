"""Every mistake is one line: which file, which key, what was found, what is expected."""

import copy
import re

import pytest
import yaml
from change import DELETE, change

from advtransfer.params import ParamsError, load_params

ONE = "studies.one."
ATTACK = "studies.one.variants.attacked.perturbation.attack."
NAME = "lower-case letters and digits, in groups joined by single hyphens"
POOL = "so many images of its smallest class are in the pool of target"
EXACTLY_ONE = "expected exactly one of attack, gaussian"

# what is changed, its value -> key: found .., expected ..
MISTAKES = [
    # spelling
    (ONE + "seeed", 1, "studies.one.seeed: found an unknown key, expected seed"),
    (
        ONE + "colour",
        1,
        "studies.one.colour: found an unknown key, expected one of kind, title, seed, replicas, *",
    ),
    (ONE + "optimiser", {"step": 20}, "studies.one.optimiser.step: found an unknown key, expected steps"),
    (ATTACK + "espilon", 1.0, ATTACK + "espilon: found an unknown key, expected one of norm, eps, *"),
    (ATTACK + "restart", 2, ATTACK + "restart: found an unknown key, expected restarts"),
    (
        ONE + "transfer.linear.shot",
        [1],
        "studies.one.transfer.linear.shot: found an unknown key, expected shots",
    ),
    (
        ONE + "source.shift.0.noise.sigmas",
        1.0,
        "studies.one.source.shift.0.noise.sigmas: found an unknown key, expected sigma",
    ),
    (
        ONE + "source.shift.0",
        {"nose": {"sigma": 1.0}},
        "studies.one.source.shift.0.nose: found an unknown key, expected noise",
    ),
    ("studie", {}, "studie: found an unknown key, expected studies"),
    (
        ONE + "resources",
        {"pretrain": {"treads": 2}},
        "studies.one.resources.pretrain.treads: found an unknown key, expected threads",
    ),
    (
        ONE + "resources",
        {"train": {}},
        "studies.one.resources: found the name 'train', expected 'split', 'pretrain', 'pseudo_label' or 'transfer'",
    ),
    (
        ONE + "resources",
        {"pretrain": {"gpu_optional": True}},
        "studies.one.resources.pretrain.gpu_optional: found true with gpu: 0, expected gpu: 1 or more beside it",
    ),
    # missing
    (ATTACK + "steps", DELETE, ATTACK + "steps: found nothing, expected number of gradient steps (1..1000)"),
    (
        ONE + "labelled_fraction",
        DELETE,
        "studies.one.labelled_fraction: found nothing, expected labelled share of the source images (above 0, to 1)",
    ),
    ("studies", DELETE, "studies: found nothing, expected name -> study block"),
    (ONE + "transfer.linear", DELETE, "studies.one.transfer.linear: found nothing, expected a value"),
    # type
    (
        ONE + "seed",
        "1",
        "studies.one.seed: found '1', expected an integer: root of every random stream of the *",
    ),
    (
        ONE + "replicas",
        4.0,
        "studies.one.replicas: found 4.0, expected an integer: paired repetitions (2..1000)",
    ),
    (ONE + "optimiser.steps", True, "studies.one.optimiser.steps: found True, expected an integer: *"),
    (ATTACK + "eps", "0.5", ATTACK + "eps: found '0.5', expected a number: radius of the ball, *"),
    (
        ATTACK + "eps",
        float("nan"),
        ATTACK + "eps: found nan, expected a finite number: radius of the ball, *",
    ),
    (
        ATTACK + "eps",
        float("inf"),
        ATTACK + "eps: found inf, expected a finite number: radius of the ball, *",
    ),
    (ATTACK + "random_start", "no", ATTACK + "random_start: found 'no', expected true or false: *"),
    (ATTACK + "clip", 1.0, ATTACK + "clip: found 1.0, expected a list: [low, high], *"),
    (ATTACK + "clip", [0.0], ATTACK + "clip: found [0.0], expected at least 2 value(s): [low, high], *"),
    (ONE + "title", 3, "studies.one.title: found 3, expected a text: heading of the report"),
    (
        ONE + "source.classes",
        3,
        "studies.one.source.classes: found 3, expected a list: at least two labels of *",
    ),
    (ONE + "variants.clean", None, "studies.one.variants.clean: found None, expected the keys labels, *"),
    (
        ONE + "variants.attacked.perturbation",
        "l2",
        "studies.one.variants.attacked.perturbation: found 'l2', expected the keys attack, gaussian: *",
    ),
    (
        ONE + "targets",
        [],
        "studies.one.targets: found [], expected keys with values: name -> {classes, shift}",
    ),
    ("studies", "one", "studies: found 'one', expected keys with values: name -> study block"),
    (
        "default_studies",
        "one",
        "default_studies: found 'one', expected a list: studies that `make run` computes *",
    ),
    # range
    (
        ATTACK + "norm",
        "l1",
        ATTACK + "norm: found 'l1', expected 'l2' or 'linf': the norm of the ball: l2 or linf",
    ),
    (ATTACK + "eps", -0.5, ATTACK + "eps: found -0.5, expected above 0.0: radius of the ball, *"),
    (ATTACK + "steps", 0, ATTACK + "steps: found 0, expected at least 1: number of gradient steps (1..1000)"),
    (
        ONE + "labelled_fraction",
        0,
        "studies.one.labelled_fraction: found 0, expected above 0.0: labelled share *",
    ),
    (
        ONE + "test_fraction",
        1.0,
        "studies.one.test_fraction: found 1.0, expected below 1.0: share of the target *",
    ),
    (ONE + "replicas", 1, "studies.one.replicas: found 1, expected at least 2: paired repetitions (2..1000)"),
    (ONE + "source.classes", [], "studies.one.source.classes: found [], expected at least 2 value(s): *"),
    (
        ONE + "targets",
        {},
        "studies.one.targets: found {}, expected at least 1 value(s): name -> {classes, shift}",
    ),
    (ONE + "model.hidden", [16, 0], "studies.one.model.hidden.1: found 0, expected at least 1: widths of *"),
    (
        ONE + "title",
        "",
        "studies.one.title: found '', expected at least 1 character(s): heading of the report",
    ),
    (
        ONE + "kind",
        "video",
        "studies.one.kind: found 'video', expected image, natural_image, linear_theory or sparse_coding",
    ),
    (
        ONE + "dataset",
        "mnist",
        "studies.one.dataset: found 'mnist', expected 'digits': the image set: digits",
    ),
    (
        ONE + "variants.clean.labels",
        "labeled",
        "studies.one.variants.clean.labels: found 'labeled', expected 'labelled', 'pseudo' or 'oracle': *",
    ),
    (
        ONE + "transfer.linear.shots",
        [],
        "studies.one.transfer.linear.shots: found [], expected at least 1 value(s)*",
    ),
    (
        ONE + "transfer.linear.shots",
        [0],
        "studies.one.transfer.linear.shots.0: found 0, expected at least 1: *",
    ),
    (
        ONE + "transfer.draws",
        0,
        "studies.one.transfer.draws: found 0, expected at least 1: independent few-shot *",
    ),
    (
        ONE + "transfer.baselines",
        ["pixels"],
        "studies.one.transfer.baselines.0: found 'pixels', expected 'raw' or 'untrained': *",
    ),
    # names
    (
        ONE + "variants",
        {"a b": {"labels": "labelled"}},
        f"studies.one.variants: found the name 'a b', expected {NAME}",
    ),
    (
        ONE + "variants",
        {"größe": {"labels": "labelled"}},
        f"studies.one.variants: found the name 'größe', *{NAME}",
    ),
    (
        ONE + "variants",
        {"..": {"labels": "labelled"}},
        f"studies.one.variants: found the name '..', expected {NAME}",
    ),
    (
        ONE + "variants",
        {"a'b": {"labels": "oracle"}},
        f'studies.one.variants: found the name "a\'b", *{NAME}',
    ),
    (
        ONE + "variants",
        {"a\nb": {"labels": "oracle"}},
        rf"studies.one.variants: found the name 'a\nb', *{NAME}",
    ),
    (
        ONE + "variants",
        {"a\n": {"labels": "oracle"}},
        rf"studies.one.variants: found the name 'a\n', *{NAME}",
    ),
    (ONE + "variants", {"a-": {"labels": "oracle"}}, f"studies.one.variants: found the name 'a-', *{NAME}"),
    (ONE + "variants", {1: {"labels": "oracle"}}, "studies.one.variants: found the name 1, expected a text"),
    (ONE + "targets", {"a/b": {"classes": [1, 2]}}, f"studies.one.targets: found the name 'a/b', *{NAME}"),
    (
        ONE + "variants",
        {"x" * 61: {"labels": "oracle"}},
        "studies.one.variants: found the name 'xxx*, expected at most 60 character(s)",
    ),
    (
        ONE + "variants.raw",
        {"labels": "labelled"},
        "studies.one.variants.raw: found the name of a baseline, expected another name",
    ),
    # combinations
    (
        ONE + "variants.attacked.perturbation.gaussian",
        {"sigma": 0.1},
        f"studies.one.variants.attacked.perturbation: found attack and gaussian, {EXACTLY_ONE}",
    ),
    (
        ONE + "variants.attacked.perturbation",
        {},
        f"studies.one.variants.attacked.perturbation: found none, {EXACTLY_ONE}",
    ),
    (
        ONE + "variants.attacked.perturbation",
        {"attack": None},
        f"studies.one.variants.attacked.perturbation: found none, {EXACTLY_ONE}",
    ),
    (
        ONE + "source.shift.0.contrast",
        {"gain": 1.0, "offset": 0.0},
        "studies.one.source.shift.0: found contrast and noise, expected exactly one of contrast, noise, rotation",
    ),
    (
        ONE + "transfer.robust.attack.random_start",
        False,
        "studies.one.transfer.robust.attack.restarts: found 2 without a random start, expected 1",
    ),
    (ATTACK + "clip", [1.0, 0.0], ATTACK + "clip: found [1.0, 0.0], expected [low, high] with low < high"),
    (
        ONE + "source.classes",
        [1, 1],
        "studies.one.source.classes: found [1, 1], expected each value once",
    ),
    (
        ONE + "source.classes",
        [1, 10],
        "studies.one.source.classes: found 10, expected 0..9, the classes of digits",
    ),
    (
        ONE + "targets.dark.classes",
        [1, 10],
        "studies.one.targets.dark.classes: found 10, expected 0..9, the classes of digits",
    ),
    (
        ONE + "labelled_fraction",
        0.001,
        "studies.one.labelled_fraction: found 0.001, which labels none of the 89 source images of class 0, expected *",
    ),
    (
        ONE + "labelled_fraction",
        1,
        "studies.one.labelled_fraction: found 1.0, which leaves no image to pseudo-label, expected less, *",
    ),
    (
        ONE + "labelled_fraction",
        0.999,
        "studies.one.labelled_fraction: found 0.999, which leaves no image to pseudo-label, expected less, *",
    ),
    (
        ONE + "test_fraction",
        0.001,
        "studies.one.test_fraction: found 0.001, which leaves a class of target dark without a test image, *",
    ),
    (
        ONE + "pseudo_labels",
        DELETE,
        "studies.one.pseudo_labels: found nothing, expected a teacher, because the variant taught learns from *",
    ),
    (
        ONE + "pseudo_labels.teacher",
        "taught",
        "studies.one.pseudo_labels.teacher: found 'taught', expected a variant with labels: labelled (*)",
    ),
    (
        ONE + "pseudo_labels.teacher",
        "claen",
        "studies.one.pseudo_labels.teacher: found 'claen', expected a variant with labels: labelled (*)",
    ),
    (
        ONE + "variants",
        {"oracle": {"labels": "oracle"}},
        "studies.one.pseudo_labels.teacher: found 'clean', expected * (there is none)",
    ),
    (
        ONE + "transfer.linear.shots",
        [1, 46],
        f"studies.one.transfer.linear.shots: found 46, expected at most 45: {POOL} dark",
    ),
    (
        ONE + "transfer.robust.shots",
        50,
        f"studies.one.transfer.robust.shots: found 50, expected at most *: {POOL} dark",
    ),
    (
        ONE + "transfer.finetune.shots",
        [3, 90],
        f"studies.one.transfer.finetune.shots: found 90, expected at most *: {POOL} *",
    ),
    (
        ONE + "transfer.linear.shots",
        [1, 1],
        "studies.one.transfer.linear.shots: found [1, 1], expected each value once",
    ),
    (
        ONE + "transfer.baselines",
        ["raw", "raw"],
        "studies.one.transfer.baselines: found ['raw', 'raw'], expected each value once",
    ),
    ("default_studies", ["three"], "default_studies: found 'three', expected names among one, two"),
    ("default_studies", ["one", "one"], "default_studies: found ['one', 'one'], expected each value once"),
]


def pattern(wildcards):
    return ".*".join(re.escape(part) for part in wildcards.split("*"))


def message_of(load, tmp_path, content):
    with pytest.raises(ParamsError) as caught:
        load(content)
    message, start = str(caught.value), f"{tmp_path / 'params.yaml'}: "
    assert message.startswith(start) and "\n" not in message and len(message) < 500
    assert caught.value.__cause__ is None
    return message.removeprefix(start)


@pytest.mark.parametrize(
    ("path", "value", "expected"), MISTAKES, ids=[f"{m[0]}={m[1]!r}"[:80] for m in MISTAKES]
)
def test_a_mistake_is_one_line_that_says_where_what_and_what_instead(
    load, tmp_path, document, path, value, expected
):
    change(document, path, value)
    message = message_of(load, tmp_path, document)
    assert re.fullmatch(pattern(expected) + r"( \(and \d+ more\))?", message), message


def test_the_untouched_document_loads(load, document, text):
    assert load(document) == load(text)


def test_a_page_of_the_report_is_no_name_of_a_study(load, tmp_path, document):
    document["studies"]["index"] = copy.deepcopy(document["studies"]["one"])
    expected = "studies.index: found the name of a page of the report, expected another"
    assert message_of(load, tmp_path, document) == expected


NAMES = [
    *(
        "a b",
        " a",
        "größe",
        "..",
        "../one",
        "/one",
        "a/b",
        "a.b",
        "a_b",
        "A",
        "-",
        "",
        "it's",
        'an "a"',
        "a\nb",
    ),
    *("a\n", "a\x00b", "a\u200b", "~", "*", "{study}", "$(id)", "--all", "a;b", "a\\b"),
]


@pytest.mark.parametrize("where", ["studies", "studies.one.variants", "studies.one.targets"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_more_than_plain_words_is_refused(load, tmp_path, document, where, name):
    """Names become folders, wildcards and words of command lines."""
    place = document
    for key in where.split("."):
        place = place[key]
    place[name] = copy.deepcopy(next(iter(place.values())))
    assert message_of(load, tmp_path, document) == f"{where}: found the name {name!r}, expected {NAME}"


def test_several_mistakes_are_counted(load, tmp_path, document):
    change(document, ONE + "seed", "x")
    change(document, ONE + "title", 1)
    change(document, "studies.two.replicas", 0)
    assert message_of(load, tmp_path, document).endswith("heading of the report (and 2 more)")


def test_a_long_value_is_cut(load, tmp_path, document):
    change(document, ONE + "seed", "y" * 1000)
    assert re.match(
        r"studies\.one\.seed: found 'y{56}\.\.\., expected an integer", message_of(load, tmp_path, document)
    )


# -- the file itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    seed: 1\n",
            "    seed: 1\n    seed: 2\n",
            "line 8: found the key 'seed' again, expected it once",
        ),
        (
            "      taught: {labels: pseudo}",
            "      clean: {labels: pseudo}",
            "line 23: found the key 'clean' again, expected it once",
        ),
        (
            "eps: 0.5, steps",
            "eps: 0.5, eps: 1.0, steps",
            "line 21: found the key 'eps' again, expected it once",
        ),
    ],
)
def test_a_key_given_twice_is_refused_with_its_line(load, tmp_path, text, old, new, expected):
    assert old in text
    assert message_of(load, tmp_path, text.replace(old, new, 1)) == expected


def test_merge_keys_may_override_each_other_in_any_order(load, text):
    """Merging a block that itself merges copies its keys: that is no twin."""
    nested = text.replace("    optimiser: {", "    optimiser: &fast {")
    nested = nested.replace("    seed: 2\n", "    optimiser: &slow {<<: *fast, steps: 99}\n    seed: 2\n")
    nested += "  three:\n    <<: *one\n    optimiser: {<<: *slow, batch_size: 4}\n"
    studies = load(nested).studies
    assert [studies[name].optimiser.steps for name in ("one", "two", "three")] == [20, 99, 99]
    assert studies["three"].optimiser.batch_size == 4 and studies["two"].seed == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "top level: found None, expected the keys default_studies, datasets, studies"),
        ("- one\n", "top level: found ['one'], expected the keys default_studies, datasets, studies"),
        ("a: [1,\n", "not YAML: while parsing a flow node *"),
        ("a: 1\n\tb: 2\n", "not YAML: *"),
        ("{[1]: 2}", "not YAML: while constructing a mapping *unhashable key*"),
        ("a: !!python/object/apply:os.getcwd []", "not YAML: could not determine a constructor *"),
    ],
)
def test_what_is_no_params_file_is_one_line_too(load, tmp_path, content, expected):
    message = message_of(load, tmp_path, content)
    assert re.fullmatch(pattern(expected), message), message


def test_unreadable_files(tmp_path):
    cases = {
        tmp_path / "absent.yaml": "no such file or directory, expected a file to read",
        tmp_path: "is a directory, expected a file to read",
        tmp_path / "bytes.yaml": "found bytes that are no text (byte 3), expected UTF-8",
    }
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    for path, expected in cases.items():
        with pytest.raises(ParamsError) as caught:
            load_params(path)
        assert str(caught.value) == f"{path}: {expected}"


@pytest.mark.parametrize("number", ["3e-3", "3.0e-3", "3E-3", "0.003", "+3e-3", "3.e-3"])
def test_numbers_are_those_of_yaml_1_2(load, text, number):
    assert load(text.replace("3e-3", number)).studies["one"].optimiser.learning_rate == 0.003


def test_titles_may_be_in_any_language(load, document):
    change(document, ONE + "title", "Übertragung: 数字")
    assert load(document).studies["one"].title == "Übertragung: 数字"


def test_nothing_can_be_changed_after_loading(load, document):
    with pytest.raises(ValueError, match="frozen"):
        load(document).studies["one"].seed = 3


def test_reports_of_yaml_errors_name_the_line(load, tmp_path):
    with pytest.raises(ParamsError, match="line 2"):
        load("a: 1\nb: ]\n")
    assert yaml.YAMLError not in ParamsError.__mro__
