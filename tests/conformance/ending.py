"""FINISHPOD and DESTROYPOD: the last exchanges of a machine."""

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
    peer.refuse(Code.FINISHPOD)
    peer.refuse(Code.EXECCMD, name="n", argv=["true"], stdout=891, stderr=892)
    peer.ping()
    polite.finished(signal=15)
    stubborn.finished(signal=9)
    container.finished(signal=15)
    peer.ack(request)
    peer.run("echo still here", prints=b"still here\n")
    peer.remove(container)


@exchange()
def finishpod_of_nothing(peer):
    peer.ask(Code.FINISHPOD)


@exchange(last=True)
def destroypod(peer):
    command = peer.start("trap '' TERM; echo up; exec sleep 1000", prints=b"up\n", stays=True,
                         stubborn=True)
    command.seen(b"up\n")
    request = peer.request(Code.DESTROYPOD)
    peer.refuse(Code.DESTROYPOD)
    peer.refuse(Code.EXECCMD, name="n", argv=["true"], stdout=891, stderr=892)
    command.finished(signal=9)
    peer.ack(request)
    peer.gone()
