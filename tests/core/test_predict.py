"""The predicted world, op by op: what probes answer afterwards, and what cannot work."""

from typing import Any

import pytest

from cfgdsl import Content, ImpossibleError, ops, probes
from cfgdsl.core.predict import Identity, World
from cfgdsl.core.probes import Unknown

DIR = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}
FILE = {"kind": "file", "mode": 0o640, "owner": "bob", "group": "adm"}
TEXT = Content.of("hello\n")


def link(target: str) -> dict[str, Any]:
    return {"kind": "link", "target": target, "owner": "root", "group": "root"}


def stats(**at: Any) -> dict[probes.Probe, Any]:
    return {probes.Stat("/" + path.replace("_", "/")): answer for path, answer in at.items()}


def world(base: dict[probes.Probe, Any], **who: str) -> World:
    return World({probes.Stat("/"): DIR, **base}, Identity(**who))


def found(made: World, probe: probes.Probe) -> dict[str, Any]:
    answer = made.answer(probe)
    assert isinstance(answer, dict)
    return answer


def test_a_new_file_has_the_runner_as_owner_and_mode_0644() -> None:
    made = world(stats(f=None), user="me", group="us")
    made.apply(ops.Put("/f", TEXT))
    assert made.answer(probes.Stat("/f")) == {
        "kind": "file", "mode": 0o644, "owner": "me", "group": "us",
    }  # fmt: skip
    read = {"sha256": TEXT.sha256, "size": 6, "text": "hello\n"}
    assert made.answer(probes.Read("/f")) == read
    assert made.answer(probes.Read("/f", unless=TEXT.sha256)) == {**read, "text": None}


def test_a_replaced_file_keeps_what_is_not_said() -> None:
    made = world(stats(f=FILE))
    made.apply(ops.Put("/f", TEXT, mode=0o600))
    assert made.answer(probes.Stat("/f")) == {**FILE, "mode": 0o600}


def test_a_new_entry_in_a_setgid_folder_has_its_group() -> None:
    made = world(stats(d={**DIR, "mode": 0o2775, "group": "web"}, d_f=None))
    made.apply(ops.Put("/d/f", TEXT))
    assert found(made, probes.Stat("/d/f"))["group"] == "web"


def test_attributes_change_and_the_content_stays() -> None:
    read = {"sha256": "0" * 64, "size": 1, "text": None}
    made = world({**stats(f=FILE), probes.Read("/f"): read})
    made.apply(ops.SetAttrs("/f", owner="eve"))
    assert made.answer(probes.Stat("/f")) == {**FILE, "owner": "eve"}
    assert made.answer(probes.Read("/f")) == read


def test_what_is_removed_is_gone_with_all_below_and_comes_back_empty() -> None:
    made = world(stats(d=DIR, d_e=DIR, d_e_f=FILE))
    made.apply(ops.Put("/d/e/g", TEXT))
    made.apply(ops.Remove("/d", recursive=True))
    assert [made.answer(probes.Stat(p)) for p in ("/d", "/d/e", "/d/e/f", "/d/e/g")] == [None] * 4
    made.apply(ops.Mkdir("/d"))
    made.apply(ops.Mkdir("/d/e"))
    assert made.answer(probes.Stat("/d/e")) is not None
    assert made.answer(probes.Stat("/d/e/f")) is None
    assert made.answer(probes.Read("/d/e/g")) is None


def test_missing_folders_are_made_where_asked_for() -> None:
    made = world(stats(a=None, a_b=None, a_b_c=None))
    made.apply(ops.Mkdir("/a/b/c", mode=0o700, parents=True))
    assert found(made, probes.Stat("/a/b"))["mode"] == 0o755
    assert found(made, probes.Stat("/a/b/c"))["mode"] == 0o700


def test_a_link_leads_where_it_was_set_to() -> None:
    made = world(stats(l=None, f=FILE))
    made.apply(ops.Link("/l", "f"))
    assert made.answer(probes.Stat("/l")) == link("f")
    assert made.answer(probes.Stat("/l", follow=True)) == FILE


def test_a_followed_link_of_the_host_shows_what_changed_at_its_end() -> None:
    base = {**stats(l=link("/f"), f=FILE), probes.Stat("/l", follow=True): FILE}
    made = world(base)
    assert made.answer(probes.Stat("/l", follow=True)) == FILE
    made.apply(ops.SetAttrs("/f", mode=0o600))
    assert found(made, probes.Stat("/l", follow=True))["mode"] == 0o600


def test_a_file_put_through_a_link_leaves_the_link() -> None:
    made = world(stats(l=link("/d/f"), d=DIR, d_f=FILE))
    made.apply(ops.Put("/l", TEXT, follow=True))
    assert made.answer(probes.Stat("/l")) == link("/d/f")
    assert made.answer(probes.Stat("/d/f")) == FILE
    assert found(made, probes.Read("/l", follow=True))["sha256"] == TEXT.sha256


def test_links_in_a_circle_end() -> None:
    made = world(stats(a=link("/b"), b=link("/a")))
    assert made.answer(probes.Stat("/a", follow=True)) is not None


def test_a_command_does_what_its_effects_say_and_leaves_contents_unknown() -> None:
    made = world(stats(f=None))
    effects = ((probes.Stat("/f"), FILE), (probes.Group("adm"), {"gid": 4}))
    made.apply(ops.Run(("x",), effects=effects))
    assert made.answer(probes.Stat("/f")) == FILE
    assert isinstance(made.answer(probes.Read("/f")), Unknown)
    assert made.answer(probes.Group("adm")) == {"gid": 4}


@pytest.mark.parametrize("backwards", [False, True])
def test_a_command_may_say_what_it_writes(backwards: bool) -> None:
    read = {"sha256": TEXT.sha256, "size": 6, "text": "hello\n"}
    effects = ((probes.Stat("/f"), FILE), (probes.Read("/f"), read))
    made = world(stats(f=None))
    made.apply(ops.Run(("x",), effects=effects[::-1] if backwards else effects))
    assert made.answer(probes.Read("/f")) == read


def test_a_question_asked_only_where_another_has_no_answer_has_none_once_that_has() -> None:
    first = probes.Query(("q",), "a", split="rows")
    second = probes.Query(("r",), "a", split="rows", when=first)
    made = world({first: None, second: ["1"]})
    assert made.answer(second) == ["1"]
    made.apply(ops.Run(("x",), effects=((first, ["0"]),)))
    assert made.answer(second) is None
    made.apply(ops.Run(("x",), effects=((first, Unknown("later")),)))
    assert made.answer(second) == Unknown("later")


def test_what_a_shared_task_tells_holds_until_told_otherwise() -> None:
    probe = probes.Group("g")
    made = world({probe: None})
    made.tell({probe: {"gid": 1}})
    assert made.answer(probe) == {"gid": 1}
    assert not made.is_base(probe)
    made.tell({})
    assert made.answer(probe) is None
    made.tell({probe: {"gid": 1}})
    made.apply(ops.Run(("x",), effects=((probe, {"gid": 2}),)))
    assert made.answer(probe) == {"gid": 2}


def test_what_was_not_asked_is_not_known() -> None:
    assert isinstance(world({}).answer(probes.Stat("/f")), Unknown)
    assert isinstance(world({}).answer(probes.User("u")), Unknown)


@pytest.mark.parametrize(
    ("op", "why"),
    [
        (ops.Put("/none/f", TEXT), "its folder /none does not exist"),
        (ops.Put("/d", TEXT), "/d is a directory, not a file"),
        (ops.Put("/f/x", TEXT), "/f is a file, not a directory"),
        (ops.Put("/new", TEXT, owner="ghost"), "there is no user 'ghost'"),
        (ops.Mkdir("/f"), "/f is a file, not a directory"),
        (ops.Mkdir("/none/d"), "its folder /none does not exist"),
        (ops.Link("/d", "x"), "/d is a directory, not a symbolic link"),
        (ops.SetAttrs("/none", mode=0o600), "there is nothing at /none"),
        (ops.SetAttrs("/f", group="ghosts"), "there is no group 'ghosts'"),
    ],
)
def test_what_cannot_work_is_said_before_it_is_tried(op: ops.Op, why: str) -> None:
    accounts = {probes.AccountNumber("user", "ghost"): None, probes.Group("ghosts"): None}
    with pytest.raises(ImpossibleError, match=why):
        world({**stats(d=DIR, f=FILE, none=None, new=None), **accounts}).apply(op)


GHOST = probes.AccountNumber("user", "ghost")


def test_an_owner_that_the_plan_makes_or_removes_counts() -> None:
    made = world({**stats(f=None), GHOST: None, probes.User("ghost"): None})
    there = {"uid": 1, "group": "ghost"}
    made.apply(ops.Run(("useradd",), effects=((probes.User("ghost"), there),)))
    made.apply(ops.Put("/f", TEXT, owner="ghost"))
    made.apply(ops.Run(("userdel",), effects=((probes.User("ghost"), None),)))
    with pytest.raises(ImpossibleError, match="there is no user 'ghost'"):
        made.apply(ops.Put("/f", TEXT, owner="ghost"))


def test_why_a_name_can_own_nothing_is_told_in_the_words_of_the_host() -> None:
    with pytest.raises(ImpossibleError, match="this machine has no user"):
        world({GHOST: {"error": "this machine has no user"}}).apply(ops.Mkdir("/d", owner="ghost"))


def test_an_owner_of_whom_only_the_account_was_asked_for_in_vain_is_not_refused() -> None:
    made = world({**stats(f=None), probes.User("ghost"): {"error": "needs a whole system"}})
    made.apply(ops.Put("/f", TEXT, owner="ghost"))
    assert found(made, probes.Stat("/f"))["owner"] == "ghost"


def test_of_a_generated_secret_all_but_its_value_is_foreseen() -> None:
    bare, asked = probes.Generated("db"), probes.Generated("db", "abc", reveal=True)
    other = probes.Generated("other", "abc", reveal=True)
    made = world({bare: None, asked: None, other: None})
    assert all(map(made.is_base, (bare, asked, other)))
    made.apply(ops.Generate("db", 20, "abc"))
    assert made.answer(bare) == {"length": 20, "text": None}
    assert made.answer(asked) == {"length": 20, "fits": True, "text": None}
    assert made.answer(probes.Generated("db", "ab")) == {"length": 20, "fits": False, "text": None}
    assert (made.answer(other), made.is_base(other), made.is_base(asked)) == (None, True, False)
    made.apply(ops.Discard("db"))
    assert made.answer(asked) is None
