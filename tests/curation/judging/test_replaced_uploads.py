"""A replaced upload: a refresh judges its versions as a run from scratch would, whichever of them came first."""

import pytest

pytestmark = pytest.mark.slow

EARLIER, LATER = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


@pytest.fixture
def versions_kept(corpus):
    """Return what judges, now or as if nothing had been published, and names the versions kept of each photo."""

    def judged(*, afresh=False, **settings):
        judgement = corpus.judge(afresh=afresh, **settings)
        kept = [row for table, _, _ in judgement.parts for row in table.to_pylist() if row["kept"]]
        return {(row["photo"][7:], row["version"]) for row in kept}

    return judged


def test_of_two_versions_of_one_picture_the_first_does_not_stay_for_having_been_kept(
    corpus, photo, digest, versions_kept
):
    corpus.photo("1", photo(), seen=digest("seen"), version="old")
    corpus.publish()
    corpus.photo("1", photo(), seen=digest("seen"), version="new")
    assert versions_kept() == versions_kept(afresh=True) == {("1", "new")}


def test_a_version_that_was_kept_has_no_place_of_its_own_within_its_owners_cap(corpus, photo, versions_kept):
    """Ids are digests: of these two the new version's is the smaller."""
    corpus.photo("1", photo(), version="old")
    corpus.publish(owner_photos_max=1)
    corpus.photo("1", photo(), version="new")
    afresh = versions_kept(afresh=True, owner_photos_max=1)
    assert versions_kept(owner_photos_max=1) == afresh


def test_a_file_that_moved_and_was_rewritten_since_is_judged_by_what_it_is(corpus, photo, digest, versions_kept):
    same = digest("same")
    corpus.photo("a", photo(), sha256=same, version="old", source="folder", state="stored")
    corpus.publish()
    corpus.photo("a", photo(), sha256=same, version="old", source="folder", state="deleted")
    corpus.photo("b", photo(), sha256=same, version="old", source="folder", seen=digest("seen"))
    corpus.photo("b", photo(), version="new", source="folder", seen=digest("seen"))
    assert versions_kept() == versions_kept(afresh=True) == {("b", "new")}


def test_a_version_that_its_folder_has_lost_takes_nothing_from_the_one_that_is_there(corpus, photo, digest):
    """A file was kept, then rewritten, and kept again: among equal copies it still came first."""
    same = {"seen": digest("seen")}
    corpus.photo("2", photo(), version="old", uploaded_at=LATER)
    corpus.publish()
    corpus.photo("2", photo(), version="old", state="deleted", source="folder", uploaded_at=LATER)
    corpus.photo("2", photo(), version="new", uploaded_at=LATER, **same)
    corpus.publish()
    corpus.photo("1", photo(), uploaded_at=EARLIER, **same)
    assert corpus.rows()["1"]["reasons"] == ["duplicate"]
