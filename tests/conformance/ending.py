"""FINISHPOD and DESTROYPOD."""

from containers import staying
from exchange import exchange
from peer import Code


@exchange()
def finishpod_ends_everything_but_the_machine(peer):
    polite = peer.start("echo up; exec sleep 1000", prints=b"up\n", stays=True)
    stubborn = peer.start("trap '' TERM; echo up; exec sleep 1000", prints=b"up\n", stays=True,
                          stubborn=True)
    container = staying(peer)
    for command in (polite, stubborn):
        command.seen(b"up\n")
    request = peer.request(Code.FINISHPOD)
    polite.finished(signal=15)
    stubborn.finished(signal=9)
    container.finished(signal=15)
    peer.ack(request)
    peer.run("echo still here", prints=b"still here\n")
    peer.remove(container)


@exchange()
def finishpod_of_nothing(peer):
    peer.ask(Code.FINISHPOD)


@exchange("bare", last=True)
def destroypod(peer):
    peer.ask(Code.DESTROYPOD)
    peer.gone()
