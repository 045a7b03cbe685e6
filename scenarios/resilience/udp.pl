#!/usr/bin/perl
# A payload over UDP, there and back, so that what is sent depends on what is lost and on nothing
# else: the same losses give the same datagrams in the same order.
#
# usage: udp.pl server PORT
#        udp.pl client HOST PORT QUIET_S
#
# The server sends back what arrives. The client sends a window of chunks, and the next one when all
# of it has come back, or nothing has for QUIET_S seconds; what is missing by then is sent again.
# QUIET_S must be well above the time of a round trip.
#
# Exit status of the client: 0 every chunk came back as it was sent; 1 something else came back;
# 2 bad usage; 3 the rounds are used up; 5 no socket.
use strict;
use warnings;
use Socket;

use constant {
    CHUNKS      => 128,
    CHUNK_BYTES => 512,
    WINDOW      => 16,     # what even a short queue takes
    WINDOWS_MAX => 200,    # sent in all, so that a dead link is a failure and no timeout
};

$| = 1;

# Chunk $number: its number, then bytes that follow from it (Park and Miller's generator).
sub chunk {
    my ($number) = @_;
    my $state = 20240229 + $number;
    my $bytes = pack('N', $number);

    while (length $bytes < CHUNK_BYTES) {
        $state = $state * 16807 % 2147483647;
        $bytes .= pack('n', $state >> 14 & 0xffff);
    }
    return $bytes;
}

sub new_socket {
    my ($port) = @_;

    socket(my $socket, PF_INET, SOCK_DGRAM, getprotobyname('udp') || 17)
        or do { warn "no socket: $!\n"; exit 5 };
    bind($socket, pack_sockaddr_in($port, INADDR_ANY))
        or do { warn "port $port cannot be bound: $!\n"; exit 5 };
    return $socket;
}

sub serve {
    my ($port) = @_;
    my $socket = new_socket($port);

    while (my $from = recv($socket, my $bytes, 65536, 0)) {
        send($socket, $bytes, 0, $from);
    }
    die "nothing more can be received: $!\n";
}

# Waits for a datagram, $seconds at most. Undefined: none came. An ICMP error is one that did not.
sub receive {
    my ($socket, $seconds) = @_;
    my $ready = '';

    vec($ready, fileno($socket), 1) = 1;
    return undef unless select($ready, undef, undef, $seconds) > 0;
    my $bytes;
    return defined recv($socket, $bytes, 65536, 0) ? $bytes : '';
}

# Takes what comes back until none of @$window is missing, or it is quiet.
sub collect {
    my ($socket, $missing, $window, $quiet) = @_;

    while (grep { exists $missing->{$_} } @$window) {
        my $bytes = receive($socket, $quiet);

        return unless defined $bytes;
        next if $bytes eq '';
        my $number = length $bytes >= 4 ? unpack('N', $bytes) : CHUNKS;
        if ($number >= CHUNKS || $bytes ne chunk($number)) {
            print "what came back was never sent: " . length($bytes) . " bytes: "
                . unpack('H64', $bytes) . "\n";
            exit 1;
        }
        delete $missing->{$number};
    }
}

sub transfer {
    my ($host, $port, $quiet) = @_;
    my $address = inet_aton($host) or do { warn "$host has no address\n"; exit 5 };
    my $to      = pack_sockaddr_in($port, $address);
    my $socket  = new_socket(0);
    my %missing = map { $_ => 1 } 0 .. CHUNKS - 1;
    my ($windows, $datagrams) = (0, 0);

    while (%missing && $windows < WINDOWS_MAX) {
        my @window = sort { $a <=> $b } keys %missing;

        @window = @window[ 0 .. WINDOW - 1 ] if @window > WINDOW;
        for my $number (@window) {
            send($socket, chunk($number), 0, $to);    # ENETUNREACH and the like are losses
            $datagrams++;
        }
        $windows++;
        collect($socket, \%missing, \@window, $quiet);
    }
    printf "%d of %d chunks came back, of %d datagrams in %d windows\n",
        CHUNKS - keys %missing, CHUNKS, $datagrams, $windows;
    return %missing ? 3 : 0;
}

my ($role, @arguments) = @ARGV;
if (@ARGV == 2 && $role eq 'server') {
    serve(@arguments);
}
elsif (@ARGV == 4 && $role eq 'client') {
    exit transfer(@arguments);
}
warn "usage: udp.pl server PORT | udp.pl client HOST PORT QUIET_S\n";
exit 2;
