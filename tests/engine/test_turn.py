"""One thread at a time runs the user's code, and nobody waits for ever."""

import threading
import time

from cfgdsl.engine.turn import Turn


def test_a_turn_given_away_is_taken_by_others_and_comes_back() -> None:
    turn: Turn[str] = Turn()
    order: list[str] = []
    waiting = threading.Event()
    release = threading.Event()

    def first() -> None:
        with turn, turn:
            order.append("first")
            with turn.given_away():
                waiting.set()
                release.wait(5)
            order.append("first again")

    thread = threading.Thread(target=first)
    thread.start()
    waiting.wait(5)
    with turn:
        order.append("second")
        release.set()
        time.sleep(0.02)
        order.append("second still")
    thread.join(5)
    assert order == ["first", "second", "second still", "first again"]


def test_a_job_of_another_thread_is_waited_for() -> None:
    turn: Turn[str] = Turn()
    begun, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def worker() -> None:
        with turn:
            turn.begin("job")
            with turn.given_away():
                begun.set()
                go_on.wait(5)
            seen.append("done")
            turn.end("job")

    thread = threading.Thread(target=worker)
    thread.start()
    begun.wait(5)
    threading.Timer(0.02, go_on.set).start()
    with turn:
        turn.await_others("job")
        assert seen == ["done"]
    thread.join(5)


def test_two_threads_that_need_each_others_job_do_not_wait_for_ever() -> None:
    turn: Turn[str] = Turn()
    circles: list[str] = []
    both = threading.Barrier(2, timeout=5)

    def worker(mine: str, other: str) -> None:
        with turn:
            turn.begin(mine)
            with turn.given_away():
                both.wait()
            turn.await_others(other)
            if not turn.begin(other):
                circles.append(mine)
            else:
                turn.end(other)
            turn.end(mine)

    threads = [threading.Thread(target=worker, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert circles


def test_a_job_begun_twice_is_a_circle() -> None:
    turn: Turn[str] = Turn()
    with turn:
        assert turn.begin("job")
        assert not turn.begin("job")
