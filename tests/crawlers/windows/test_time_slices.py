"""Which slices of time are still to be crawled."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawlers.windows.time_slices import (
    Step,
    TimeSlice,
    Walk,
    gaps,
    halves,
    spans,
    start_of_hour,
    window_name,
    years,
)

moments = st.integers(0, 400)
slices = st.tuples(moments, moments).map(lambda pair: TimeSlice(min(pair), max(pair) + 1))


def test_with_nothing_covered_the_whole_time_is_open():
    assert gaps(TimeSlice(0, 100), []) == [TimeSlice(0, 100)]


def test_gaps_lie_before_between_and_after_covered_slices():
    assert gaps(TimeSlice(0, 100), [TimeSlice(60, 80), TimeSlice(10, 20)]) == [
        TimeSlice(0, 10),
        TimeSlice(20, 60),
        TimeSlice(80, 100),
    ]


def test_an_empty_time_has_no_gaps():
    assert gaps(TimeSlice(50, 50), []) == []


@settings(deadline=None)
@given(slices, st.lists(slices))
def test_gaps_and_covered_slices_tile_the_whole_without_overlap(whole, done):
    open_moments = [moment for gap in gaps(whole, done) for moment in range(*gap)]
    done_moments = {moment for part in done for moment in range(*part)}
    assert len(open_moments) == len(set(open_moments))
    assert set(open_moments) == set(range(*whole)) - done_moments


def test_later_crawls_begin_where_the_last_one_ended():
    before = [Step(TimeSlice(0, 100), TimeSlice(0, 100))]
    assert spans(TimeSlice(0, 130), before) == [TimeSlice(100, 130)]
    assert spans(TimeSlice(0, 100), before) == []


def test_a_span_begun_without_a_whole_window_keeps_its_end_in_a_later_crawl():
    walk = Walk(TimeSlice(0, 200), [], 1, [TimeSlice(0, 100)])
    assert [step.window for step in iter(walk.step, None)] == [TimeSlice(0, 100), TimeSlice(100, 200)]


def test_years_are_cut_at_new_year_whatever_the_end_is():
    whole = TimeSlice(1_546_300_800 - 5, 1_577_836_800 + 7)  # the last seconds of 2018 to the first of 2020
    first, second, third = years(whole)
    assert (first.end_s, second.start_s, second.end_s, third) == (
        1_546_300_800,
        1_546_300_800,
        1_577_836_800,
        TimeSlice(1_577_836_800, 1_577_836_807),
    )
    assert years(TimeSlice(whole.start_s, whole.end_s + 3600))[:2] == [first, second]


def test_a_span_that_was_cut_off_is_continued_as_a_whole():
    before = [Step(TimeSlice(0, 100), TimeSlice(0, 100)), Step(TimeSlice(100, 125), TimeSlice(100, 200))]
    assert spans(TimeSlice(0, 300), before) == [TimeSlice(100, 200), TimeSlice(200, 300)]


def test_a_span_that_reaches_beyond_the_time_asked_for_is_not_finished():
    before = [Step(TimeSlice(0, 50), TimeSlice(0, 200))]
    assert spans(TimeSlice(0, 100), before) == [TimeSlice(50, 100)]


def test_halves_meet_and_are_not_shorter_than_allowed():
    assert halves(TimeSlice(0, 601), 300) == (TimeSlice(0, 300), TimeSlice(300, 601))
    assert halves(TimeSlice(0, 599), 300) is None


def crawl(whole, done, fits, shortest, most=1000):
    """Walk as the spiders do; return what was done before and up to `most` windows more."""
    walk, found = Walk(whole, done, shortest), list(done)
    while len(found) < len(done) + most and (step := walk.step()):
        if fits(step.window) or not walk.halve(step):
            walk.finish(step)
            found.append(step)
    return found


def at_most(photos, uploads):
    """Return whether a slice holds few enough photos to be listed."""
    return lambda part: sum(part.start_s <= moment < part.end_s for moment in uploads) <= photos


uploads_at = st.sets(moments, max_size=60)


@settings(deadline=None)
@given(uploads_at, st.integers(0, 200), st.integers(1, 5), st.integers(1, 20))
def test_a_crawl_cut_off_anywhere_leaves_the_windows_of_one_that_was_not(uploads, cut, photos, shortest):
    whole, fits = TimeSlice(0, 401), at_most(photos, uploads)
    uninterrupted = crawl(whole, [], fits, shortest)
    begun = crawl(whole, [], fits, shortest, most=cut)
    assert crawl(whole, begun, fits, shortest) == uninterrupted


@example(
    set(range(401)), [(TimeSlice(0, 400), 1), (TimeSlice(100, 300), 1)], 1
)  # two spans cut off, one across the other
@settings(deadline=None)
@given(uploads_at, st.lists(st.tuples(slices, st.integers(0, 6)), max_size=5), st.integers(1, 20))
def test_windows_tile_the_time_whatever_crawls_went_before(uploads, history, shortest):
    fits, done = at_most(2, uploads), []
    for whole, most in [*history, (TimeSlice(0, 401), 1000)]:
        done = crawl(whole, done, fits, shortest, most)
    covered = sorted(moment for each in done for moment in range(*each.window))
    assert covered == list(range(401))


def test_a_slice_that_does_not_fit_is_halved_until_it_does_or_is_as_short_as_allowed():
    done = crawl(TimeSlice(0, 100), [], at_most(1, {3, 4, 90}), shortest=20)
    assert [each.window for each in done] == [TimeSlice(0, 25), TimeSlice(25, 50), TimeSlice(50, 100)]


def test_window_names_sort_by_time_and_are_safe_as_paths():
    first = window_name(TimeSlice(0, 3600), "Category:Taken with ../../Ünïcode & more")
    assert first < window_name(TimeSlice(3600, 7200), "acme/one")
    assert set(first) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_TZ")


def test_queries_that_look_alike_have_different_windows():
    assert window_name(TimeSlice(0, 1), "acme/one") != window_name(TimeSlice(0, 1), "acme-one")


def test_a_crawl_ends_at_the_last_full_hour():
    assert start_of_hour(7199.9) == 3600
