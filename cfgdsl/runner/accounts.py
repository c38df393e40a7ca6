"""Names and numbers of users and groups, as this machine's own databases have them."""

from __future__ import annotations

import grp
import os
import pwd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class UnknownAccountError(LookupError):
    """There is no such user or group."""


class Accounts:
    """Looks up accounts; remembers the names of numbers until `forget`."""

    def __init__(self) -> None:
        self._users: dict[int, str] = {}
        self._groups: dict[int, str] = {}

    def forget(self) -> None:
        """What was looked up may be wrong now: a command has run."""
        self._users.clear()
        self._groups.clear()

    def user_name(self, uid: int) -> str:
        """The name of a user id, or its digits."""
        name = self._users.get(uid)
        if name is None:
            try:
                name = pwd.getpwuid(uid).pw_name
            except KeyError:
                name = str(uid)
            self._users[uid] = name
        return name

    def group_name(self, gid: int) -> str:
        """The name of a group id, or its digits."""
        name = self._groups.get(gid)
        if name is None:
            try:
                name = grp.getgrgid(gid).gr_name
            except KeyError:
                name = str(gid)
            self._groups[gid] = name
        return name

    def uid(self, name: str) -> int:
        """The number of a user; digits stand for themselves when no user is called so."""
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            if name.isdecimal():
                return int(name)
            raise UnknownAccountError("there is no user %r" % name) from None

    def gid(self, name: str) -> int:
        """The number of a group; digits stand for themselves when no group is called so."""
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            if name.isdecimal():
                return int(name)
            raise UnknownAccountError("there is no group %r" % name) from None

    def account(self, name: str) -> pwd.struct_passwd:
        """The whole entry of a user, for running something as that user."""
        try:
            return pwd.getpwnam(name)
        except KeyError:
            raise UnknownAccountError("there is no user %r" % name) from None

    def user(self, name: str) -> dict[str, Any] | None:
        """The answer to a `user` probe."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        others = set(os.getgrouplist(name, entry.pw_gid)) - {entry.pw_gid}
        return {
            "uid": entry.pw_uid,
            "group": self.group_name(entry.pw_gid),
            "comment": entry.pw_gecos,
            "home": entry.pw_dir,
            "shell": entry.pw_shell,
            "groups": sorted(self.group_name(gid) for gid in others),
        }

    def account_name(self, database: str, number: int) -> dict[str, Any] | None:
        """The answer to an `account_name` probe."""
        name = self.user_name(number) if database == "user" else self.group_name(number)
        return None if name == str(number) else {"name": name}

    def account_number(self, database: str, name: str) -> dict[str, Any] | None:
        """The answer to an `account_number` probe."""
        try:
            number = self.uid(name) if database == "user" else self.gid(name)
        except UnknownAccountError:
            return None
        return {"number": number}

    def group(self, name: str) -> dict[str, Any] | None:
        """The answer to a `group` probe."""
        try:
            return {"gid": grp.getgrnam(name).gr_gid}
        except KeyError:
            return None
