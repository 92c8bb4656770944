"""Designs of rounds, and the trials that each person is given."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from scipy import stats
from study_answers import ROBUST, STANDARD, drawn_set

from explorer.study.design import check_design, most_often, suited, trials_of, usable
from explorer.study.records import Design, Kind, StudyError, Task, Timing
from explorer.study.stimulus_set import default_set
from explorer.study.words import SIXTEEN

PEOPLE = 300
TASKS = list(Task)
SET = drawn_set()
SMALL = Design(main=4, practice=1, catch=1, choices=3)


STORED = [
    ("practice", "bee", "adv1", "seed"),
    ("main", "dog", "standard", "seed"),
    ("main", "owl", "adv1", "seed"),
    ("main", "lake", "standard", "seed"),
    ("catch", "dog", "standard", "target"),
    ("main", "cat", "adv1", "target"),
]
"""Kind, target, network and first option of the trials of SMALL for the number 5."""


@pytest.fixture(scope="module")
def people():
    """The trials of many people, of the default design and set."""
    return [trials_of(Design(), default_set(), number) for number in range(PEOPLE)]


def main_of(trials):
    return [each for each in trials if each.kind is Kind.MAIN]


def test_practice_comes_first_and_catch_trials_are_among_the_others(people):
    for trials in people:
        kinds = [each.kind for each in trials]
        assert [each.number for each in trials] == list(range(22))
        assert kinds[:2] == [Kind.PRACTICE] * 2
        assert Counter(kinds[2:]) == {Kind.MAIN: 16, Kind.CATCH: 4}
    places = Counter(each.number for trials in people for each in trials if each.kind is Kind.CATCH)
    assert stats.chisquare([places[place] for place in range(2, 22)]).pvalue > 0.001


def test_each_target_and_each_image_is_shown_once(people):
    for trials in people:
        shown = [default_set().named(each.stimulus) for each in main_of(trials)]
        assert len({each.iri for each in shown}) == len({each.target_name for each in shown}) == 16
        assert [each.image for each in main_of(trials)] == [each.iri for each in shown]


def test_conditions_are_as_even_as_they_come_for_each_person_and_over_all(people):
    of_image = Counter(each.stimulus for trials in people for each in main_of(trials))
    for trials in people:
        counts = Counter(default_set().named(each.stimulus).condition for each in main_of(trials))
        assert sorted(counts.values()) == [2, 2, 3, 3, 3, 3]
    expected = PEOPLE * 16 / len(default_set().stimuli)
    observed = [of_image[each.name] for each in default_set().stimuli]
    assert min(observed) > 0.6 * expected
    assert max(observed) < 1.4 * expected


def test_sides_are_drawn_at_random(people):
    first = [each.options[0].value for trials in people for each in main_of(trials)]
    assert stats.binomtest(first.count("target"), len(first)).pvalue > 0.001
    of_person = [sum(each.options[0].value == "target" for each in main_of(t)) for t in people]
    assert stats.tstd(of_person) == pytest.approx(2, abs=0.3)  # √(16/4): independent draws


def test_the_right_answer_of_catch_and_practice_is_the_picture_that_is_shown(people):
    answers = Counter()
    for trials in people:
        for each in trials:
            if each.kind is Kind.MAIN:
                assert each.correct is None
                continue
            (right,) = [option for option in each.options if option.picture == each.image]
            assert each.correct == right.value
            answers[each.correct, each.kind] += 1
    assert answers["target", Kind.CATCH] == answers["seed", Kind.CATCH] == 2 * PEOPLE
    assert answers["target", Kind.PRACTICE] == answers["seed", Kind.PRACTICE] == PEOPLE


def test_targets_that_a_person_does_not_see_otherwise_come_first_in_catch_trials():
    for number in range(20):
        trials = trials_of(SMALL, SET, number)
        seen = {each.stimulus.split("-")[0] for each in main_of(trials)}
        known = [each for each in trials if each.kind is not Kind.MAIN]
        assert known[0].stimulus.split("-")[0] not in seen


def test_the_same_number_gives_the_same_trials_and_another_others():
    assert trials_of(Design(), default_set(), 7) == trials_of(Design(), default_set(), 7)
    assert trials_of(Design(), default_set(), 7) != trials_of(Design(), default_set(), 8)


def test_trials_do_not_change_from_version_to_version():
    """A session goes on after an update: who is in its midst must find the same trials."""
    trials = trials_of(SMALL, SET, 5)
    found = []
    for each in trials:
        target, _, _, network, _ = each.stimulus.split("-")
        found.append((each.kind.value, target, network, each.options[0].value))
    assert found == STORED


@pytest.mark.parametrize("task", TASKS)
def test_a_second_vote_asks_about_the_same_images_in_another_order(task):
    design = replace(SMALL, task=task)
    first, second = (trials_of(design, SET, 3, vote) for vote in (1, 2))
    assert Kind.PRACTICE not in [each.kind for each in second]
    assert [each.number for each in second] == list(range(5))

    def asked(trials):
        return {
            (each.kind, each.stimulus, each.image, frozenset(each.options))
            for each in trials
            if each.kind is not Kind.PRACTICE
        }

    assert asked(first) == asked(second)
    orders = [
        [each.stimulus for each in main_of(trials_of(design, SET, number, vote))]
        for number in range(9)
        for vote in (1, 2)
    ]
    assert any(one != other for one, other in zip(orders[::2], orders[1::2], strict=True))


def test_more_images_than_targets_show_a_target_again_after_all_others():
    design = Design(main=8, practice=0, catch=0)
    assert most_often(design, SET) == 2
    assert most_often(replace(design, main=5), SET) == 1
    for number in range(20):
        trials = trials_of(design, SET, number)
        assert len({each.stimulus for each in trials}) == 8
        times = Counter(each.stimulus.split("-")[0] for each in trials)
        assert sorted(times.values()) == [1, 1, 2, 2, 2]


def test_clustering_offers_so_many_targets_the_right_one_at_any_place():
    places = Counter()
    for number in range(100):
        for each in trials_of(replace(SMALL, task=Task.CLUSTERING), SET, number):
            values = [option.value for option in each.options]
            stimulus = SET.named(each.stimulus)
            assert len(set(values)) == 3
            assert each.correct == stimulus.target_name
            right = each.options[values.index(each.correct)]
            assert right.picture == stimulus.target
            assert each.image == (stimulus.iri if each.kind is Kind.MAIN else stimulus.target)
            places[values.index(each.correct)] += 1
    assert stats.chisquare([places[place] for place in range(3)]).pvalue > 0.001


def test_recognition_offers_the_labels_of_the_set():
    for each in trials_of(replace(SMALL, task=Task.RECOGNITION), SET, 1):
        assert each.correct == each.stimulus.split("-")[0]
        assert each.correct in [option.value for option in each.options]
        assert {option.value for option in each.options} <= set(SET.targets)
        assert {option.picture for option in each.options} == {None}


def test_recognition_among_the_sixteen_lists_all_of_them_in_alphabetical_order():
    design = replace(SMALL, task=Task.RECOGNITION, words="sixteen", choices=16, main=4)
    assert {each.target_name for each in usable(design, SET)} == {"cat", "dog", "owl"}
    rights = {"cat": "cat", "dog": "dog", "owl": "bird"}
    for each in trials_of(design, SET, 1):
        assert [option.value for option in each.options] == list(SIXTEEN) == sorted(SIXTEEN)
        assert each.correct == rights[each.stimulus.split("-")[0]]


def test_recognition_by_the_networks_classes_knows_the_target_pictures_by_their_labels():
    design = replace(SMALL, task=Task.RECOGNITION, words="network")
    for each in trials_of(design, SET, 1):
        target = each.stimulus.split("-")[0]
        values = {option.value for option in each.options}
        right = f"the class of {target}"
        assert each.correct == (right if each.kind is Kind.MAIN else target)
        assert len(values & {right, target}) == 1  # never two right ones


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"main": 11}, "main: 11 does not fit; it is 1 to 10 images"),
        ({"main": 0}, "main: 0 does not fit"),
        ({"main": True}, "main: True does not fit"),
        ({"main": "4"}, "main: 4 does not fit"),
        ({"catch": 2}, "catch: 2 does not fit; it is 0 to 1 catch trials"),
        ({"practice": 11}, "practice: 11 does not fit"),
        ({"task": Task.CLUSTERING, "choices": 6}, "choices: 6 does not fit; it is 2 to 5"),
        ({"task": Task.RECOGNITION, "choices": 1}, "choices: 1 does not fit"),
        ({"words": "latin"}, "words: 'latin' is not available; choose one of labels, sixteen"),
        ({"timing": Timing(image_ms=0)}, "timing.image_ms: 0 does not fit"),
        ({"timing": Timing(mask_ms=60_000)}, "timing.mask_ms: 60000 does not fit"),
    ],
)
def test_designs_that_cannot_be_asked_are_refused_in_a_sentence(changed, sentence):
    with pytest.raises(StudyError) as refused:
        check_design(replace(SMALL, **changed), SET)
    assert str(refused.value).startswith(sentence)
    with pytest.raises(StudyError):
        trials_of(replace(SMALL, **changed), SET, 0)


def test_one_target_is_nothing_to_choose_from():
    one = drawn_set(targets=["cat"])
    with pytest.raises(StudyError, match="nothing to choose from"):
        check_design(Design(Task.CLUSTERING, 1, 0, 0, 2), one)
    check_design(Design(Task.TWO_ALTERNATIVES, 1, 0, 0), one)


def test_pictures_without_words_are_left_out_of_recognition():
    named = drawn_set(targets=["cat", "bee"])
    stimuli = [replace(each, label=None) for each in named.stimuli]
    unnamed = replace(named, stimuli=tuple(stimuli))
    with pytest.raises(StudyError, match="no image of 'Drawn pictures' has one of these words"):
        check_design(Design(Task.RECOGNITION, 1, 0, 0, 2), unnamed)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("targets", [["cat", "dog"], ["cat", "dog", "owl", "bee", "lake"]])
def test_a_suited_design_can_be_asked(task, targets):
    small = drawn_set(targets, conditions=[(ROBUST, "freq"), (STANDARD, "freq"), (ROBUST, "free")])
    for wanted in (Design(task, choices=9), Design(task, words="network", main=3, catch=4)):
        design = suited(wanted, small)
        check_design(design, small)
        assert design.catch <= (design.catch + design.main) / 4


def test_the_default_design_suits_the_default_set_for_every_task():
    for task in TASKS:
        design = Design(task)
        check_design(design, default_set())
        assert most_often(design, default_set()) == 1
        of_target = defaultdict(set)
        for each in trials_of(design, default_set(), 0):
            of_target[each.stimulus].add(each.kind)
        assert len(of_target) >= 16
