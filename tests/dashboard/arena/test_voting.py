"""The booth's rules without a page: order, sides, checks, and votes that are neither lost nor counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from dashboard.voting import Turn, keep, progress, standing, turns, undo
from workbench.people import People

PAIRS = [f"p{number}" for number in range(60)]


def test_every_rater_has_an_order_and_sides_of_their_own() -> None:
    ann, ben = turns("match", "ann", PAIRS), turns("match", "ben", PAIRS)
    assert ann == turns("match", "ann", reversed(PAIRS))
    assert ann != ben and turns("other", "ann", PAIRS) != ann
    own = [turn for turn in ann if turn.kind == "vote"]
    assert sorted(turn.pair for turn in own) == sorted(PAIRS)
    assert 20 < sum(turn.left == "a" for turn in own) < 40


def test_repeats_come_ten_pairs_later_with_sides_turned() -> None:
    for rater in ("ann", "ben", "cem"):
        asked = [turn for turn in turns("match", rater, PAIRS) if turn.kind != "gold"]
        repeats = [place for place, turn in enumerate(asked) if turn.kind == "repeat"]
        assert len(repeats) == 3 and repeats[0] <= 20
        for place in repeats:
            before = asked.index(Turn("vote", asked[place].pair, "b" if asked[place].left == "a" else "a"))
            assert sum(turn.kind == "vote" for turn in asked[before + 1 : place]) == 9


def test_gold_is_three_in_a_hundred_and_early() -> None:
    for rater in ("ann", "ben", "cem"):
        asked = turns("match", rater, PAIRS, ["g1", "g2", "g3"])
        places = [place for place, turn in enumerate(asked) if turn.kind == "gold"]
        assert len(places) == 2 and places[0] <= 21
    assert [turn.kind for turn in turns("match", "ann", ["p1"], ["g1"])] == ["vote", "gold"]
    assert turns("match", "ann", []) == [] == turns("match", "ann", [], ["g1"])[1:]


def test_votes_are_kept_in_terms_of_the_pair_and_twice_is_once(tmp_path: Path) -> None:
    with People(tmp_path) as people:
        turn, again = Turn("vote", "p1", "b"), Turn("repeat", "p1", "a")
        assert keep(people, "match", "ann", turn, "left", 2.345)
        assert not keep(people, "match", "ann", turn, "right", 2.0)
        [vote] = people.votes("match", "ann")
        assert (vote.choice, vote.left, vote.seconds) == ("b", "b", 2.35)
        assert keep(people, "match", "ann", again, "right", 2.0)
        assert not keep(people, "match", "ann", again, "left", 2.0)
        said = standing(people, "match", "ann")
        assert said.repeats["p1"].label == "b" and len(said.votes) == 1
        assert standing(people, "match", "ben").repeats == {}


def test_undo_takes_back_the_last_word_vote_or_repeat(tmp_path: Path) -> None:
    asked = turns("match", "ann", PAIRS)
    with People(tmp_path) as people:
        assert not undo(people, "match", "ann")
        kinds = []
        while (at := progress(asked, standing(people, "match", "ann"))).next is not None:
            assert keep(people, "match", "ann", asked[at.next], "left", 1.0)
            kinds.append(asked[at.next].kind)
            # a check moves the rater on as any other question does, so that nothing tells that it was one
            assert progress(asked, standing(people, "match", "ann")).answered == len(kinds)
        assert len(kinds) == 63 and (at.voted, at.skipped, at.open) == (60, 0, True)
        before = progress(asked, standing(people, "match", "ann"))
        for _ in range(25):
            assert undo(people, "match", "ann")
        said = standing(people, "match", "ann")
        assert len(said.votes) + len(said.repeats) == 38
        assert before.next is None and progress(asked, said).next == 38


def test_what_was_skipped_is_not_asked_again_and_not_repeated(tmp_path: Path) -> None:
    asked = turns("match", "ann", PAIRS[:20])
    with People(tmp_path) as people:
        kinds: Counter[str] = Counter()
        while (at := progress(asked, standing(people, "match", "ann"))).next is not None:
            keep(people, "match", "ann", asked[at.next], "skip", 1.0, "broken")
            kinds[asked[at.next].kind] += 1
        assert kinds == {"vote": 20} and (at.voted, at.skipped) == (0, 20) and at.open


def test_raters_at_once_lose_nothing(tmp_path: Path) -> None:
    with People(tmp_path) as people:

        def rate(name: str) -> None:
            for turn in turns("match", name, PAIRS):
                assert keep(people, "match", name, turn, "left", 1.0)

        raters = [threading.Thread(target=rate, args=(name,)) for name in ("ann", "ben", "cem", "dot")]
        for each in raters:
            each.start()
        for each in raters:
            each.join()
        assert Counter(vote.rater for vote in people.votes("match")) == dict.fromkeys(("ann", "ben", "cem", "dot"), 60)
        assert len(people.labels("match", "repeat")) == 12


def test_a_vote_that_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from dashboard.voting import keep, turns; from workbench.people import People\n"
        "people = People(Path(sys.argv[1]))\n"
        "for turn in turns('match', 'ann', map(str, range(60))):\n"
        "    keep(people, 'match', 'ann', turn, 'tie', 1.0)\n"
        "    print(turn.kind, turn.pair, flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    voting = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert voting.stdout is not None and voting.stdin is not None
    confirmed = [voting.stdout.readline().split()]
    for _ in range(24):
        voting.stdin.write("\n")
        voting.stdin.flush()
        confirmed.append(voting.stdout.readline().split())
    os.kill(voting.pid, signal.SIGKILL)
    voting.wait()
    voting.stdin.close()
    voting.stdout.close()
    with People(tmp_path) as people:
        said = standing(people, "match", "ann")
    assert [vote.pair for vote in said.votes] == [pair for kind, pair in confirmed if kind == "vote"]
    assert list(said.repeats) == [pair for kind, pair in confirmed if kind == "repeat"] != []
