from game_client.facts import Status


def test_a_status_reads_as_a_sentence_for_the_player() -> None:
    assert str(Status("reconnecting", 3, "the server fell silent")) == "reconnecting, attempt 3: the server fell silent"
    assert str(Status("live")) == "live"
    assert str(Status("closed", 0, "left", 1000)) == "closed: left"
