# Damage to the files of indexes: tables with indexes of every kind, one damaged place at a time, and which errors are right answers to it.
package Damage;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

our @EXPORT = qw(damage_tables kind_of_round damage move_open_rows errors_in wrong_errors kinds_are_right);

my %kind = (1 => 'meta', 2 => 'image', 3 => 'centroid', 4 => 'directory', 5 => 'tile', 6 => 'open', 7 => 'fine', 8 => 'sublist');

# What tables to make: name, am, with, filters of their indexes; for kind_of_round also number and only. They differ in access method and options,
# so that all page kinds and layouts occur.
sub damage_tables
{
    my ($copies) = @_;
    my (@tables, @am);
    @am = access_methods();
    for my $n (0 .. $copies - 1)
    {
        my $am = $am[ $n % @am ];
        my $number = int($n / @am);
        push @tables, { am => $am, number => $number, with => ('nlist = 8', 'nlist = 8, refine = true', "nlist = 4, refine = true, refine_type = 'FP32', " . variant($am, 1),
            'nlist = 2, ' . variant($am, 2 + $number / 4))[ $number % 4 ] };
    }
    # Few of these have directories of sub-lists: more copies, of which only such pages are damaged.
    for my $number (0 .. 3)
    {
        push @tables, { am => 'wrvq', number => $copies + $number, only => 'sublist', with => 'codebooks = 4, codebook_size = 16, '
            . ('fuzzy_layers = 1, nlist = 1', 'fuzzy_layers = 2, nlist = 1', 'fuzzy_layers = 1, nlist = 4, fuzzy_k = 0.2',
                'fuzzy_layers = 2, nlist = 4, weight_bits = 4, fuzzy_k = 1')[$number] };
    }
    # Extents have pages and filter keys in front of their tiles only where there are filter columns.
    for my $number (0 .. 4 * @am - 1)
    {
        my $am = $am[ $number % @am ];
        push @tables, { am => $am, number => 100 + $number, only => 'head', filters => 'id, (id % 7)',
            with => ('nlist = 1', 'nlist = 2, refine = true', 'nlist = 4, ' . variant($am, 2), 'nlist = 8')[ int($number / @am) ] };
    }
    $_->{name} = "$_->{am}_$_->{number}" for @tables;
    return sort { $a->{name} cmp $b->{name} } @tables;
}

# The kind of page to damage in a round.
sub kind_of_round
{
    my ($table, $round) = @_;
    my @kinds = sort { $a cmp $b } values %kind;
    return $table->{only} || $kinds[ ($table->{number} + $round) % @kinds ];
}

# Block numbers by page kind, from the special area at the end of each page.
sub pages_by_kind
{
    my ($bytes) = @_;
    my %blocks;
    for my $block (0 .. length($bytes) / 8192 - 1)
    {
        my ($next, $kind, $magic) = unpack('Vvv', substr($bytes, $block * 8192 + 8184, 8));
        push @{ $blocks{ $kind{$kind} } }, $block if $kind{$kind};
        push @{ $blocks{head} }, $block if $kind == 5 && head_bytes(\$bytes, $block);
        push @{ $blocks{freed} }, $block if $kind & 0x8000;
    }
    return \%blocks;
}

# One way to spoil $length bytes or more at $at; returns a description.
sub spoil
{
    my ($bytes, $at) = @_;
    my $way = int(rand(5));
    my $new =
        $way == 0 ? chr(ord(substr($$bytes, $at, 1)) ^ (1 << int(rand(8))))
      : $way == 1 ? chr(int(rand(256)))
      : $way == 2 ? "\xFF" x 4
      : $way == 3 ? "\0" x 4
      :             pack('V', int(rand(40)));    # a block number that exists, a small count
    my $room = 8192 - $at % 8192;
    $new = substr($new, 0, $room) if length($new) > $room;
    my $same = substr($$bytes, $at, length($new)) eq $new;
    substr($$bytes, $at, length($new)) = $new;
    return $same ? '' : unpack('H*', $new);
}

# Bytes of the record that a page of directories of sub-lists begins with, as far as they are on the page.
sub sublist_bytes
{
    my ($bytes, $block) = @_;
    my ($magic, $crc, $list, $rows, $entries, $pages) = unpack('V6', substr($$bytes, $block * 8192 + 24, 24));
    my $used = 32 + 4 * $pages + 12 * $entries;
    return $magic != 0x42535456 ? 0 : $used < 8160 ? $used : 8160;
}

# Bytes of the head of an extent that a page begins with, as far as they are on the page; 0 where it begins with none.
sub head_bytes
{
    my ($bytes, $block) = @_;
    my ($magic, $used) = (unpack('V7', substr($$bytes, $block * 8192 + 24, 28)))[ 0, 6 ];
    return $magic != 0x45585456 ? 0 : $used < 8160 ? $used : 8160;
}

# Where a change must be noticed: the meta structure, the image's used bytes, the first group's record, the first directory
# of sub-lists, what an extent says of pages and keys.
sub must_notice
{
    my ($kind, $bytes, $block, $offset) = @_;
    my $meta = substr($$bytes, 24, 184);
    return $offset < 24 + 184 && ($offset < 28 || $offset >= 32) if $kind eq 'meta';
    return $offset < 24 + unpack('Q<', substr($meta, 88, 8))      if $kind eq 'image';
    return $offset < 24 + 40 + 20 * unpack('V', substr($meta, 72, 4)) if $kind eq 'directory';
    return $offset < 24 + sublist_bytes($bytes, $block) if $kind eq 'sublist';
    return $offset >= 24 + 32 && $offset < 24 + head_bytes($bytes, $block) if $kind eq 'head';
    return 0;
}

# Pages as a whole: emptied, another page's content in its place, both exchanged, or the file's end before it.
sub spoil_page
{
    my ($bytes, $block) = @_;
    my $other = int(rand(length($$bytes) / 8192));
    my $way = $other == $block ? 0 : int(rand(4));
    my ($old, $new) = map { substr($$bytes, $_ * 8192, 8192) } $block, $other;
    if ($way == 1)
    {
        substr($$bytes, $block * 8192) = '';
        return 'the end';
    }
    substr($$bytes, $other * 8192, 8192) = $old if $way == 2;
    substr($$bytes, $block * 8192, 8192) = $way == 0 ? "\0" x 8192 : $new;
    return ('zeros', '', "exchanged with block $other", "page from block $other")[$way];
}

# A chain that goes in a circle, or from one chain into another.
sub spoil_chain
{
    my ($bytes, $block, $blocks) = @_;
    my $next = $blocks->[ int(rand(@$blocks)) ];
    substr($$bytes, $block * 8192 + 8184, 4) = pack('V', $next);
    return "next is block $next";
}

# Damages one place of a page of that kind in the file of an index; returns what was done and whether it must be noticed. Nothing where there is no
# such page, or nothing changed.
sub damage
{
    my ($file, $kind) = @_;
    my $bytes  = slurp_file($file);
    my $blocks = pages_by_kind($bytes)->{$kind} or return;
    my $block  = $blocks->[ int(rand(@$blocks)) ];
    my ($what, $must);
    if (rand() < 0.1)
    {
        $what = "$kind block $block: " . spoil_page(\$bytes, $block);
    }
    elsif ($kind =~ /^(tile|open|fine|sublist)$/ && rand() < 0.1)
    {
        $what = "$kind block $block: " . spoil_chain(\$bytes, $block, $blocks);
    }
    else
    {
        # A third of the places lie among the first bytes, where the headers are, a sixth in the page's tail.
        my $where  = rand();
        my $offset = 24 + int($where < 0.33 ? rand(64) : $kind eq 'head' ? rand(head_bytes(\$bytes, $block))
            : $where < 0.5 ? 8160 + rand(8) : rand(8160));
        $must = must_notice($kind, \$bytes, $block, $offset) && $block == $blocks->[0];
        my $new = spoil(\$bytes, $block * 8192 + $offset) or return;
        $what = "$kind block $block offset $offset: $new";
    }
    write_file($file, $bytes);
    return ($what, $must);
}

sub write_file
{
    my ($file, $bytes) = @_;
    open(my $out, '+<', $file) or die $!;
    binmode $out;
    syswrite($out, $bytes) == length($bytes) or die $!;
    truncate($out, length($bytes)) or die $!;
    close($out);
    return;
}

# Makes each open row say that it is of its list's neighbour, 0 of 1 and 1 of 0; what the page's end says of the rows stays. Returns how many rows.
sub move_open_rows
{
    my ($file) = @_;
    my $bytes = slurp_file($file);
    my $moved = 0;
    for my $block (@{ pages_by_kind($bytes)->{open} })
    {
        my ($group, $rows, $closed, $row_bytes) = unpack('VvvV', substr($bytes, $block * 8192 + 24, 12));
        for my $at (map { $block * 8192 + 40 + $_ * $row_bytes + 6 } 0 .. $rows - 1)
        {
            substr($bytes, $at, 2) = pack('v', unpack('v', substr($bytes, $at, 2)) ^ 1);
            $moved++;
        }
    }
    write_file($file, $bytes);
    return $moved;
}

# Errors, with their codes, in what psql says with VERBOSITY verbose.
sub errors_in
{
    my ($err) = @_;
    return $err =~ /^(?:psql:.*?)?(?:ERROR|FATAL|PANIC):  (\w{5}: .*)/mg;
}

# Errors that are none of damage, and those of a damaged index without a remedy. PostgreSQL's own, of its page check and at the end of a file, are
# as good as ours.
sub wrong_errors
{
    my ($err) = @_;
    my @wrong = grep { !/^XX002: |^XX001: (invalid page in|could not read) block|^0A000: index .* has format version/ } errors_in($err);
    push @wrong, 'error without the REINDEX hint' if $err =~ /XX002: / && $err !~ /HINT:.*REINDEX/;
    return @wrong;
}

# A test for each access method and kind of page: what was done with damage there (seen: "am kind" => { reported, answered }), and whether
# anything was wrong ("..., am_NUMBER (kind ...").
sub kinds_are_right
{
    my ($seen, $wrong) = @_;
    for my $name (sort keys %$seen)
    {
        my ($am, $kind) = split / /, $name;
        my %n = (reported => 0, answered => 0, %{ $seen->{$name} });
        note("$name: $n{reported} reported, $n{answered} answered");
        my @mine = grep { /, ${am}_\d+ \($kind / } @$wrong;
        is(scalar(@mine), 0, "$name pages: right rows or a clear error") or diag(join("\n", @mine[ 0 .. ($#mine < 14 ? $#mine : 14) ]));
    }
    return;
}

1;
