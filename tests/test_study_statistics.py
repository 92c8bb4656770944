"""Statistics of people's answers, against SciPy, statsmodels and counting by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss_kappa
from statsmodels.stats.proportion import proportion_confint
from study_answers import ROBUST, STANDARD, answer, drawn_set

from explorer.study.design import trials_of
from explorer.study.personal import personal
from explorer.study.records import Design, Kind, Task
from explorer.study.shown import trials_shown
from explorer.study.statistics import (
    excluded,
    fleiss_kappa,
    free_marginal_kappa,
    mcnemar,
    measure_predictions,
    spearman,
    wilson_interval,
)
from explorer.study.summary import change, summarize

TARGETS = ("cat", "dog", "owl", "bee", "lake", "heron", "tree", "boats")
DESIGN = Design(main=8, practice=1, catch=2)


def margins(place):
    """`sees` is right about the network, `blind` about nothing, `tied` says nothing."""
    robust = place % 2 == 0
    return {
        "ssim": 0.5 if robust else -0.5,
        "psnr": -0.1 - place / 100 if robust else 0.1 + place / 100,
        "haarpsi": 0.0,
        "lpips-alex": None,
    }


SET = drawn_set(TARGETS, margins=margins)


def class_of(people, chance_of_target, seed=0, vote=1, catch_right=True, design=DESIGN):
    """Answers of a class: to main trials at random, by a chance that depends on the network."""
    rng = np.random.default_rng(seed)
    answers = []
    for number in range(people):
        for trial in trials_of(design, SET, number, vote):
            values = [option.value for option in trial.options]
            if trial.kind is Kind.MAIN:
                says = rng.random() < chance_of_target[SET.named(trial.stimulus).model]
                right = trial.correct or "target"
                wrong = next(value for value in values if value != right)
                value = right if says else wrong
            else:
                wrong = next(value for value in values if value != trial.correct)
                value = trial.correct if catch_right else wrong
            answers.append(answer(trial, value, f"person {number}", vote))
    return answers


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (7, 20), (123, 4000)])
def test_wilson_interval_is_that_of_scipy_and_statsmodels(k, n, level):
    found = wilson_interval(k, n, level)
    scipy = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert found == pytest.approx((scipy.low, scipy.high), abs=1e-12)
    assert found == pytest.approx(proportion_confint(k, n, 1 - level, method="wilson"), abs=1e-12)
    assert found[0] <= k / n <= found[1]


def test_wilson_interval_of_no_answers_is_everything():
    assert wilson_interval(0, 0) == (0, 1)
    for k, n in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="is no share"):
            wilson_interval(k, n)


def test_fleiss_kappa_of_a_published_table():
    """The example of ten subjects and fourteen raters: κ = 0.210."""
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(table) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("categories", [2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_fleiss_kappa_of_equally_many_raters_is_that_of_statsmodels(categories, seed):
    rng = np.random.default_rng(seed)
    table = rng.multinomial(9, rng.dirichlet(np.ones(categories)), size=25)
    assert fleiss_kappa(table) == pytest.approx(statsmodels_fleiss_kappa(table), abs=1e-12)


def test_fleiss_kappa_of_unequal_numbers_is_that_of_all_pairs_of_raters():
    rng = np.random.default_rng(1)
    ratings = [rng.integers(0, 3, size=n).tolist() for n in (1, 2, 3, 5, 8, 4, 2, 7)]
    agreeing = [
        np.mean([one == other for one, other in itertools.permutations(each, 2)])
        for each in ratings
        if len(each) > 1
    ]
    shares = np.mean([[each.count(value) / len(each) for value in range(3)] for each in ratings], 0)
    expected = (np.mean(agreeing) - (shares**2).sum()) / (1 - (shares**2).sum())
    table = [[each.count(value) for value in range(3)] for each in [*ratings, []]]
    assert fleiss_kappa(table) == pytest.approx(expected, abs=1e-12)


def test_fleiss_kappa_at_its_ends():
    assert fleiss_kappa([[4, 0], [0, 4]]) == pytest.approx(1)
    assert fleiss_kappa([[1, 1], [1, 1]]) == pytest.approx(-1)
    assert fleiss_kappa([[4, 0], [3, 0]]) is None  # all in one category
    assert fleiss_kappa([[1, 0], [0, 1]]) is None  # nobody to agree with


@pytest.mark.parametrize("categories", [2, 5])
def test_free_marginal_kappa_of_the_same_options_is_that_of_statsmodels(categories):
    rng = np.random.default_rng(categories)
    table = rng.multinomial(9, rng.dirichlet(np.ones(categories)), size=25)
    names = [str(category) for category in range(categories)]
    ratings = [[(name, names) for name in np.repeat(names, row)] for row in table]
    expected = statsmodels_fleiss_kappa(table, method="randolph")
    assert free_marginal_kappa(ratings) == pytest.approx(expected, abs=1e-12)


def test_free_marginal_kappa_of_different_options_is_that_of_all_pairs_of_raters():
    rng = np.random.default_rng(0)

    def rating():
        offered = rng.choice(list("abcdef"), size=rng.integers(2, 5), replace=False)
        return str(rng.choice(offered)), frozenset(offered)

    ratings = [[rating() for _ in range(n)] for n in (3, 1, 6, 2)]
    pairs = [list(itertools.permutations(each, 2)) for each in ratings if len(each) > 1]
    agreed = np.mean([np.mean([a == b for (a, _), (b, _) in each]) for each in pairs])
    chance = np.mean(
        [
            np.mean([len(one & two) / len(one) / len(two) for (_, one), (_, two) in each])
            for each in pairs
        ]
    )
    assert free_marginal_kappa(ratings) == pytest.approx((agreed - chance) / (1 - chance))
    assert free_marginal_kappa([[("a", "a"), ("a", "a")]]) is None  # no choice
    assert free_marginal_kappa([[("a", "ab")], []]) is None  # nobody to agree with


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("choices", [2, 4])
def test_kappa_of_people_who_click_at_random_is_zero_and_of_one_mind_one(task, choices):
    design = Design(task=task, main=8, practice=0, catch=0, choices=choices)
    shown = trials_shown(design, SET, {f"person {number}": number for number in range(250)})
    rng = np.random.default_rng(0)
    random, agreed = [], []
    for number in range(250):
        for trial in trials_of(design, SET, number):
            clicked = trial.options[rng.integers(len(trial.options))].value
            random.append(answer(trial, clicked, f"person {number}"))
            first = trial.correct or ("target" if len(trial.stimulus) % 2 else "seed")
            agreed.append(answer(trial, first, f"person {number}"))
    assert summarize(SET, random, shown).kappa == pytest.approx(0, abs=0.012)
    assert summarize(SET, agreed, shown).kappa == pytest.approx(1)


def test_who_has_fewer_than_three_quarters_of_the_catch_trials_right_is_excluded():
    design = replace(DESIGN, main=8, catch=2)
    (one, two) = [each for each in trials_of(design, SET, 0) if each.kind is Kind.CATCH]
    right, wrong = (lambda trial: trial.correct), _wrong
    people = {
        "all right": [right, right, right, right],
        "three of four": [right, wrong, right, right],
        "half": [right, wrong, wrong, right],
        "two of three": [right, wrong, right],
        "one wrong": [wrong],
        "none": [],
    }
    answers = [
        answer(trial, choose(trial), name)
        for name, choices in people.items()
        for trial, choose in zip(itertools.cycle([one, two]), choices, strict=False)
    ]
    assert excluded(answers) == {"half", "two of three", "one wrong"}


def _wrong(trial):
    return next(option.value for option in trial.options if option.value != trial.correct)


def test_agreement_of_a_measure_is_the_share_of_answers_that_its_sign_predicts():
    answers = class_of(40, {ROBUST: 0.9, STANDARD: 0.2})
    main = [each for each in answers if each.kind is Kind.MAIN]
    of = {each.measure: each for each in measure_predictions(SET, answers)}
    predicted = [
        (each.value == "target") == (SET.named(each.stimulus).model == ROBUST) for each in main
    ]
    assert of["ssim"].agreement == pytest.approx(np.mean(predicted))
    assert of["psnr"].agreement == pytest.approx(1 - np.mean(predicted))
    assert of["haarpsi"].agreement == 0.5
    assert "lpips-alex" not in of
    assert of["ssim"].images == of["ssim"].held_out == len(SET.stimuli)
    assert measure_predictions(SET, answers)[0].measure == "ssim"


def test_the_interval_of_a_measure_is_a_bootstrap_over_images():
    answers = class_of(30, {ROBUST: 0.8, STANDARD: 0.4})
    main = [each for each in answers if each.kind is Kind.MAIN]
    names = sorted({each.stimulus for each in main})
    asked = np.array([sum(each.stimulus == name for each in main) for name in names])
    right = np.array(
        [
            sum(
                (each.value == "target") == (SET.named(name).model == ROBUST)
                for each in main
                if each.stimulus == name
            )
            for name in names
        ]
    )
    scipy = stats.bootstrap(
        (right, asked),
        lambda right, asked, axis: right.sum(axis) / asked.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    (found,) = [each for each in measure_predictions(SET, answers) if each.measure == "ssim"]
    assert (found.low, found.high) == pytest.approx((scipy.low, scipy.high), abs=0.01)
    assert found.low < found.agreement < found.high


def test_which_measure_is_best_is_known_where_it_is_clear_and_open_where_it_is_not():
    clear = measure_predictions(SET, class_of(40, {ROBUST: 1.0, STANDARD: 0.0}))
    assert (clear[0].measure, clear[0].best) == ("ssim", 1.0)
    guessed = measure_predictions(SET, class_of(40, {ROBUST: 0.5, STANDARD: 0.5}))
    assert sum(each.best for each in guessed) == pytest.approx(1)
    assert max(each.best for each in guessed) < 0.95


def test_a_measure_that_a_loss_used_is_told_but_not_called_the_best():
    related = [
        replace(each, held_out=("psnr", "haarpsi")) if place < 2 else each
        for place, each in enumerate(SET.stimuli)
    ]
    answers = class_of(40, {ROBUST: 1.0, STANDARD: 0.0})
    found = measure_predictions(replace(SET, stimuli=tuple(related)), answers)
    of = {each.measure: each for each in found}
    assert (of["ssim"].agreement, of["ssim"].best, of["ssim"].counts) == (1.0, 0.0, False)
    assert of["ssim"].held_out == of["ssim"].images - 2
    assert of["psnr"].counts
    assert of["psnr"].best + of["haarpsi"].best == pytest.approx(1)


def test_the_correlation_is_spearmans_with_ties():
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 6, 40), rng.integers(0, 4, 40)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    assert spearman([], []) is None
    answers = class_of(40, {ROBUST: 0.9, STANDARD: 0.2})
    shares = {each.name: each.people.share for each in summarize(SET, answers).stimuli}
    psnr = [each.margins["psnr"] for each in SET.stimuli]
    expected = stats.spearmanr(psnr, [shares[each.name] for each in SET.stimuli]).statistic
    (found,) = [each for each in measure_predictions(SET, answers) if each.measure == "psnr"]
    assert found.correlation == pytest.approx(expected)


@pytest.mark.parametrize(("one_way", "other_way"), [(0, 0), (0, 5), (3, 3), (10, 2), (40, 61)])
def test_mcnemars_exact_test_is_that_of_statsmodels(one_way, other_way):
    expected = statsmodels_mcnemar([[9, one_way], [other_way, 9]], exact=True).pvalue
    assert mcnemar(one_way, other_way) == pytest.approx(expected, abs=1e-12)


def test_a_summary_counts_what_people_said_of_each_network():
    answers = class_of(25, {ROBUST: 0.9, STANDARD: 0.2})
    summary = summarize(SET, answers)
    main = [each for each in answers if each.kind is Kind.MAIN]
    assert (summary.participants, summary.answers) == (25, len(main)) == (25, 200)
    assert [each.model for each in summary.conditions] == [ROBUST, STANDARD]
    for each in summary.conditions:
        said = [a.value == "target" for a in main if SET.named(a.stimulus).model == each.model]
        assert (each.people.k, each.people.n) == (sum(said), len(said))
        assert each.people.share == pytest.approx(np.mean(said))
        scipy = stats.binomtest(sum(said), len(said)).proportion_ci(method="wilson")
        assert (each.people.low, each.people.high) == pytest.approx((scipy.low, scipy.high))
        assert each.measures["ssim"] == float(each.model == ROBUST)
        assert each.measures["haarpsi"] == 0.5
        assert "lpips-alex" not in each.measures
        assert each.images == len(TARGETS)
    assert sum(each.people.n for each in summary.stimuli) == 200
    larger = [max(each.people.k, each.people.n - each.people.k) for each in summary.stimuli]
    assert summary.ceiling == pytest.approx(sum(larger) / 200)
    assert max(each.agreement for each in summary.predictions) <= summary.ceiling
    table = [[each.people.k, each.people.n - each.people.k] for each in summary.stimuli]
    assert summary.kappa == pytest.approx(fleiss_kappa(table))
    assert summary.kappa > 0.3


def test_who_fails_the_catch_trials_counts_nowhere_but_is_named():
    careful = class_of(10, {ROBUST: 1.0, STANDARD: 1.0})
    careless = [
        replace(each, participant=f"careless {each.participant}")
        for each in class_of(5, {ROBUST: 0.0, STANDARD: 0.0}, catch_right=False)
    ]
    summary = summarize(SET, [*careful, *careless])
    assert summary.excluded == {f"careless person {number}" for number in range(5)}
    assert summary.participants == 10
    assert summary.people.share == 1
    assert summary.catch["careless person 0"] == (0, 2)
    assert summary.catch["person 0"] == (2, 2)


@pytest.mark.parametrize("task", [Task.CLUSTERING, Task.RECOGNITION])
def test_other_tasks_count_right_answers(task):
    answers = class_of(12, {ROBUST: 0.9, STANDARD: 0.3}, design=replace(DESIGN, task=task))
    summary = summarize(SET, answers)
    main = [each for each in answers if each.kind is Kind.MAIN]
    assert summary.people.k == sum(each.correct for each in main)
    assert summary.task is task
    assert summary.predictions == (), "nobody was asked what the measures say"
    robust, standard = (each.people.share for each in summary.conditions)
    assert robust > 0.7 > 0.5 > standard


def test_a_round_without_answers_has_a_summary():
    summary = summarize(SET, [])
    assert (summary.answers, summary.people.share, summary.kappa) == (0, None, None)
    assert summary.conditions == summary.stimuli == summary.predictions == ()
    assert change(SET, [], []) == ()


def test_answers_about_images_that_the_set_has_not_are_left_out():
    answers = class_of(3, {ROBUST: 1.0, STANDARD: 1.0})
    stranger = replace(answers[-1], stimulus="another", value="seed")
    assert summarize(SET, [*answers, stranger]) == summarize(SET, answers)


def test_a_second_vote_is_compared_person_by_person_and_image_by_image():
    first = class_of(30, {ROBUST: 0.5, STANDARD: 0.5})
    second = class_of(30, {ROBUST: 0.9, STANDARD: 0.5}, seed=1, vote=2)
    gone = [each for each in second if each.participant != "person 3"]
    together, *conditions = change(SET, first, gone)
    said = {
        vote: {(a.participant, a.stimulus): a.value for a in answers if a.kind is Kind.MAIN}
        for vote, answers in ((1, first), (2, gone))
    }
    both = said[1].keys() & said[2].keys()
    assert together.first.n == together.second.n == len(both) == 29 * 8
    assert together.to_target == sum(said[1][e] == "seed" != said[2][e] for e in both)
    assert together.from_target == sum(said[1][e] == "target" != said[2][e] for e in both)
    assert together.second.k - together.first.k == together.to_target - together.from_target
    robust, standard = conditions
    assert robust.p_value < 0.001 < 0.05 < standard.p_value
    assert robust.to_target + standard.to_target == together.to_target


def test_a_person_is_compared_with_measures_networks_and_others():
    answers = class_of(6, {ROBUST: 0.9, STANDARD: 0.2})
    own = [each for each in answers if each.participant == "person 2"]
    main = {each.stimulus: each.value for each in own if each.kind is Kind.MAIN}
    compared = personal(SET, own, "person 2", answers)
    assert compared.answered == len(main) == 8
    assert compared.share == pytest.approx(np.mean([v == "target" for v in main.values()]))
    assert (compared.catch_right, compared.catch) == (2, 2)
    theirs = [
        each
        for each in answers
        if each.participant != "person 2" and each.kind is Kind.MAIN and each.stimulus in main
    ]
    assert compared.others == len({each.participant for each in theirs})
    agree = np.mean([each.value == main[each.stimulus] for each in theirs])
    assert compared.others_agreement == pytest.approx(agree)
    by_measure = {each.measure: each for each in compared.measures}
    sees = [(v == "target") == (SET.named(name).model == ROBUST) for name, v in main.items()]
    assert by_measure["ssim"].agreement == pytest.approx(np.mean(sees))
    assert by_measure["ssim"].title == "SSIM"
    assert by_measure["haarpsi"].agreement == 0.5
    assert sum(each.n for each in compared.networks) == 8


def test_a_measure_that_is_related_to_an_image_comes_after_those_that_count():
    own = class_of(1, {ROBUST: 1.0, STANDARD: 0.0})  # as `ssim` says
    related = [replace(each, held_out=("psnr", "haarpsi")) for each in SET.stimuli]
    compared = personal(replace(SET, stimuli=tuple(related)), own, "person 0")
    rows = [(each.measure, each.agreement, each.counts) for each in compared.measures]
    assert rows == [("haarpsi", 0.5, True), ("psnr", 0.0, True), ("ssim", 1.0, False)]


def test_a_person_who_is_the_first_has_nobody_to_be_compared_with():
    own = class_of(1, {ROBUST: 0.9, STANDARD: 0.2})
    alone = personal(SET, own, "person 0")
    assert (alone.others, alone.others_share, alone.others_agreement) == (0, None, None)
    nobody = personal(SET, [], "nobody")
    assert (nobody.answered, nobody.share, nobody.measures) == (0, None, ())
