from curate.edits.pii.kinds import Find, settled, token


def test_precedence_settles_overlaps() -> None:
    finds = [
        Find(0, 16, "phone", "a"),
        Find(4, 20, "credit_card", "b"),
        Find(20, 25, "ipv4", "c"),
        Find(21, 24, "email", "d"),
        Find(30, 40, "phone", "e"),
        Find(35, 45, "phone", "f"),
    ]
    assert [find.value for find in settled(finds)] == ["b", "d", "e"]


def test_the_longer_of_two_that_begin_together_wins() -> None:
    assert settled([Find(0, 5, "email", "a"), Find(0, 9, "email", "b")]) == [Find(0, 9, "email", "b")]


def test_tokens() -> None:
    assert token("credit_card") == "<CREDIT_CARD>"
