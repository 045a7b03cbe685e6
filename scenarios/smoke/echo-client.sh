#!/bin/sh
# Sends a payload to an echo server and checks what comes back.
#
# usage: echo-client.sh tcp|udp ipv4|ipv6 HOST PORT BYTES
#
# tcp: sends all, closes the sending half, and reads until the server closes its half.
# udp: sends one datagram and takes the first that comes back.
#
# Exit status: 0 the reply is the payload; 2 bad usage; 3 the reply is empty; 4 it is not the
# payload; 5 the connection failed or did not end in time.
set -eu

LIMIT_S=${LIMIT_S:-30} # for one exchange: an emulated guest is slow, a lost one never answers
ROWS=4                 # rows of the hexdump

[ $# -eq 5 ] || {
    echo "usage: echo-client.sh tcp|udp ipv4|ipv6 HOST PORT BYTES" >&2
    exit 2
}
protocol=$1 version=$2 host=$3 port=$4 bytes=$5
family=${version#ipv}
case $host in *:*) host="[$host]" ;; esac
what="$protocol over $version to $host port $port"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sent=$work/sent
reply=$work/reply

# The same bytes each time, every value among them: a block of 4 KiB from Park and Miller's
# generator, two bytes a step, then that block over and over, rotated by one more byte each time.
payload() {
    awk -v bytes="$1" 'BEGIN {
        state = 20240229
        for (i = 0; i < 2048; i++) {
            state = (state * 16807) % 2147483647
            block = block sprintf("%04x", int(state / 16384) % 65536)
        }
        for (i = 0; i * 4096 < bytes; i++)
            printf "%s%s", substr(block, 2 * i + 1), substr(block, 1, 2 * i)
    }' | xxd -r -p | head -c "$1"
}

# Rows of eight bytes from offset $2 of the file $1.
rows() {
    xxd -s "$2" -l $((ROWS * 8)) -c 8 "$1"
}

# Payload and reply beside each other, from the row before the first byte that differs.
show_difference() {
    first=$(cmp -l "$sent" "$reply" 2>/dev/null | awk 'NR == 1 { print $1 - 1 }')
    if [ -z "$first" ]; then
        first=$(stat -c %s "$sent" "$reply" | sort -n | head -n 1)
        echo "No byte differs up to byte $first, where the shorter one ends."
    else
        echo "The first byte that differs is at offset $first; $(cmp -l "$sent" "$reply" \
            2>/dev/null | wc -l) bytes differ."
    fi
    start=$((first / 8 * 8 - 8))
    [ "$start" -ge 0 ] || start=0
    rows "$sent" $start >"$work/left"
    rows "$reply" $start >"$work/right"
    awk '
        FILENAME == ARGV[1] { left[FNR] = $0; rows = FNR; next }
        { right[FNR] = $0; if (FNR > rows) rows = FNR }
        END {
            printf "  %-40s   %s\n", "expected", "found"
            for (i = 1; i <= rows; i++)
                printf "%s %-40s   %s\n", left[i] == right[i] ? " " : ">", left[i], right[i]
        }' "$work/left" "$work/right"
}

# What leaves the socket when socat ends: for tcp at the end of both halves.
exchange() {
    case $protocol in
    tcp)
        timeout "$LIMIT_S" socat -t "$LIMIT_S" - "TCP$family:$host:$port" <"$sent" >"$reply"
        ;;
    udp)
        # dd reads once, which takes one datagram, whole; then nothing is left to wait for.
        timeout "$LIMIT_S" socat -t 0 "UDP$family:$host:$port" \
            "SYSTEM:cat '$sent'; exec dd bs=65536 count=1 of='$reply' 2>/dev/null"
        ;;
    *)
        echo "the protocol is tcp or udp, not $protocol" >&2
        return 2
        ;;
    esac
}

payload "$bytes" >"$sent"
: >"$reply"
status=0
exchange || status=$?
found=$(stat -c %s "$reply")

if [ "$status" -ge 124 ]; then
    echo "$what: no end within $LIMIT_S s; $found of $bytes bytes came back"
    [ "$found" -gt 0 ] || exit 3
    exit 5
fi
if [ "$status" -ne 0 ]; then
    echo "$what: socat ended with status $status; $found of $bytes bytes came back"
    exit 5
fi
if [ "$found" -eq 0 ]; then
    echo "$what: the reply is empty; $bytes bytes were expected"
    exit 3
fi
sent_sha=$(sha256sum <"$sent" | cut -d' ' -f1)
reply_sha=$(sha256sum <"$reply" | cut -d' ' -f1)
if [ "$sent_sha" != "$reply_sha" ]; then
    echo "$what: the reply is not what was sent"
    echo "expected $bytes bytes, sha256 $sent_sha"
    echo "found    $found bytes, sha256 $reply_sha"
    show_difference
    exit 4
fi
echo "$what: $found bytes came back, sha256 $reply_sha"
