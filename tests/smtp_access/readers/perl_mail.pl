# Reads messages as "LENGTH\nOCTETS", and prints for each the addresses of those whom it is from,
# and the names of its headers: by Email::MIME and Email::Address::XS, and by Mail::Header and
# Mail::Address. A line each: READER, tab, addresses, tab, names; separated by \0.
use strict;
use warnings;
use Email::Address::XS;
use Email::MIME;
use Mail::Address;
use Mail::Header;

binmode STDIN;
binmode STDOUT, ':utf8';
# What they say about malformed headers is no part of the answer.
$SIG{__WARN__} = sub { };
my @names = ('From', 'Sender', 'Resent-From', 'Resent-Sender');

sub clean { my $text = join "\0", grep { defined } @_; $text =~ s/[\t\r\n]/ /g; return $text }

while (my $length = <STDIN>) {
    read STDIN, my $content, $length + 0;
    my (@found, @keys);
    eval {
        my $mail = Email::MIME->new($content);
        @keys = $mail->header_names;
        for my $name (@names) {
            for my $value ($mail->header_raw($name), $mail->header_str($name)) {
                push @found, map { $_->address } Email::Address::XS->parse($value);
            }
        }
    };
    print "Email::MIME\t", clean(@found), "\t", clean(@keys), "\n";
    (@found, @keys) = ();
    eval {
        my @lines = split /(?<=\n)/, $content;
        my $head = Mail::Header->new(\@lines);
        @keys = $head->tags;
        push @found, map { $_->address } Mail::Address->parse($head->get($_)) for @names;
    };
    print "Mail::Header\t", clean(@found), "\t", clean(@keys), "\n";
}
