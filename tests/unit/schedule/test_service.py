"""A process that serves: words to systemd, one daemon per store, signals, files that changed."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from syncd.errors import Busy, StoreError
from syncd.service import RELOAD, Events, only_one, tell_systemd
from syncd.watch import Watch, prints


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_in_one_datagram(tmp_path, monkeypatch, abstract):
    address = f"@syncd-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + address[1:] if abstract else address)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        tell_systemd("READY=1", "STATUS=in force")
        assert systemd.recv(1000) == b"READY=1\nSTATUS=in force"


def test_a_character_that_cannot_be_sent_keeps_nothing_from_systemd(tmp_path, monkeypatch):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        tell_systemd("STATUS=acme.yaml:1:1: \udcff")
        assert systemd.recv(1000) == b"STATUS=acme.yaml:1:1: ?"


def test_without_systemd_nothing_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_systemd("READY=1")


def test_a_second_daemon_on_a_sqlite_file_is_told_who_is_there(tmp_path):
    url = f"sqlite:///{tmp_path}/syncd.db"
    with only_one(url):
        with pytest.raises(Busy, match=str(os.getpid())), only_one(url):
            pytest.fail("both were let in")
        with only_one(f"sqlite:///{tmp_path}/other.db"):
            pass
    with only_one(url):
        assert (tmp_path / "syncd.db.daemon").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="missing"), only_one(f"sqlite:///{tmp_path}/missing/syncd.db"):
        pytest.fail("there is nothing to lock")


def test_a_signal_is_an_event():
    before = signal.getsignal(signal.SIGHUP)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
    kept = {number: signal.getsignal(number) for number in numbers}
    try:
        events = Events()
        events.listen()
        os.kill(os.getpid(), signal.SIGHUP)
        assert events.next() == RELOAD
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert signal.getsignal(signal.SIGHUP) == before


def test_only_contents_count(tmp_path):
    file = tmp_path / "acme.yaml"
    file.write_text("syncd: 1\n")
    first = prints({"acme": [tmp_path]})
    os.utime(file, (0, 0))
    (tmp_path / "syncd.db").write_text("a store beside it is no file of a mapping")
    assert prints({"acme": [tmp_path]}) == first
    file.write_text("syncd: 1\n\n")
    assert prints({"acme": [tmp_path]}) != first


def test_a_swapped_link_is_seen_as_kubernetes_swaps_it(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "acme.yaml").write_text(f"# {name}\n")
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "..data").symlink_to(tmp_path / "one")
    (folder / "acme.yaml").symlink_to("..data/acme.yaml")
    seen, found = threading.Event(), []

    def changed(names: set[str]) -> None:
        found.append(names)
        seen.set()

    watch = Watch(lambda: {"acme": [folder / "acme.yaml"], "other": [tmp_path / "two"]}, changed)
    watch.start()
    try:
        for number in range(100):  # the kernel is asked to watch a moment after the start
            (folder / "..tmp").symlink_to(tmp_path / ("two", "one")[number % 2])
            (folder / "..tmp").replace(folder / "..data")
            if seen.wait(1.5):
                break
        assert {"acme"} in found
    finally:
        watch.stop()
