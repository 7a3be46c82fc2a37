# Damaged pages of an index: correct rows, or an error that says so and names the remedy. Never a crash, a hang or another
# error. Each round damages one place in each of many equal indexes of a stopped server, then reads and writes them. test/trust.sh
# runs as many rounds as it is told.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims   = 20;
my @am     = access_methods();
my $copies = 28;
my $rounds = $ENV{VQ_DAMAGE_ROUNDS} || 10 + 4 * $#am;
my $seed   = $ENV{VQ_DAMAGE_SEED}   || 42;
my $limit  = 100 * 1024;    # kB of memory
my %kind   = (1 => 'meta', 2 => 'image', 3 => 'centroid', 4 => 'directory', 5 => 'tile', 6 => 'open', 7 => 'fine',
    8 => 'sublist');
my $node   = new_node('damage', "statement_timeout = '30s'", 'restart_after_crash = on');
my $query  = query_vector($node, $dims, 1);
# The most memory that this session has had, with what it has used of that which sessions share.
$node->safe_psql('postgres', q{CREATE FUNCTION most_kb() RETURNS text VOLATILE LANGUAGE sql
    AS $$ SELECT 'kB ' || substring(pg_read_file('/proc/self/status', 0, 10000) from 'VmHWM:\s+(\d+)') $$});
srand($seed);
note("seed $seed");

# Copies differ in access method and options, so that all page kinds and layouts occur; $number{$table} is the number among
# those of the access method.
sub options
{
    my ($am, $number) = @_;
    return ('nlist = 8', 'nlist = 8, refine = true', "nlist = 4, refine = true, refine_type = 'FP32', " . variant($am, 1),
        'nlist = 2, ' . variant($am, 2 + $number / 4))[ $number % 4 ];
}
my (%file, %number, %only);
sub new_copy
{
    my ($table, $am, $with, $filters) = @_;
    new_table($node, $table, $dims, 500, am => $am, with => $with, filters => $filters);
    fill($node, $table, $dims, 501, 560);
    $file{$table} = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${table}_v')");
}
for my $n (0 .. $copies - 1)
{
    my $am = $am[ $n % @am ];
    my $number = int($n / @am);
    new_copy("${am}_$number", $am, options($am, $number));
    $number{"${am}_$number"} = $number;
}
# Few of these have directories of sub-lists: more copies, of which only such pages are damaged.
for my $number (0 .. 3)
{
    my $table = "wrvq_" . ($copies + $number);
    new_copy($table, 'wrvq', 'codebooks = 4, codebook_size = 16, '
        . ('fuzzy_layers = 1, nlist = 1', 'fuzzy_layers = 2, nlist = 1', 'fuzzy_layers = 1, nlist = 4, fuzzy_k = 0.2',
            'fuzzy_layers = 2, nlist = 4, weight_bits = 4, fuzzy_k = 1')[$number]);
    $number{$table} = $copies + $number;
    $only{$table} = 'sublist';
}
# Extents have pages and filter keys in front of their tiles only where there are filter columns.
for my $number (0 .. 4 * @am - 1)
{
    my $am = $am[ $number % @am ];
    my $table = "${am}_" . (100 + $number);
    new_copy($table, $am, ('nlist = 1', 'nlist = 2, refine = true', 'nlist = 4, ' . variant($am, 2), 'nlist = 8')[ int($number / @am) ], 'id, (id % 7)');
    $number{$table} = 100 + $number;
    $only{$table} = 'head';
}
$node->stop;
my $pristine = PostgreSQL::Test::Utils::tempdir() . '/pristine';
PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $pristine);

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

# Damages one place of the table's index; returns what was done and whether it must be noticed.
sub damage
{
    my ($table, $kind) = @_;
    my $bytes  = slurp_file($file{$table});
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
    open(my $out, '+<', $file{$table}) or die $!;
    binmode $out;
    syswrite($out, $bytes) == length($bytes) or die $!;
    truncate($out, length($bytes)) or die $!;
    close($out);
    return ($what, $must);
}

sub statements
{
    my ($table) = @_;
    my $rows = "SELECT count(*) <= 600 AND bool_and(v = vq_row(id, $dims)) IS NOT false FROM";
    my $scan = "$rows (SELECT id, v FROM $table ORDER BY v <-> $query %s) n;";
    my $filtered = "$rows (SELECT id, v FROM $table WHERE id %% 7 = 3 AND id > 50 ORDER BY v <-> $query %s) n;";
    return join("\n",
        '\set VERBOSITY verbose',
        'SET enable_seqscan = off; SET enable_sort = off;',
        sprintf($scan, 'LIMIT 10'), sprintf($scan, ''), sprintf($filtered, 'LIMIT 10'), sprintf($filtered, ''),
        # Directories of sub-lists only say in which order to read tiles: not all that is wrong in them is seen by a scan.
        "SELECT vector_quant_index_check('${table}_v');",
        (map { "SELECT count(*) FROM vector_quant_$_;" } "index_stats('${table}_v')", "recall('${table}_v', 5, 20)", "prewarm('${table}_v')"),
        "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(561, 570) id;",
        "DELETE FROM $table WHERE id % 3 = 0;", "VACUUM $table;", sprintf($scan, ''), 'SELECT most_kb();', "REINDEX INDEX ${table}_v;", sprintf($scan, '')) . "\n";
}

my ($most, %seen, @wrong) = (0);
for my $round (1 .. $rounds)
{
    my (%done, %must);
    my @kinds = sort { $a cmp $b } values %kind;
    for my $table (sort keys %number)
    {
        my ($what, $must) = damage($table, $only{$table} || $kinds[ ($number{$table} + $round) % @kinds ]);
        next unless $what;
        $done{$table} = $what;
        $must{$table} = $must;
    }
    $node->start;
    for my $table (sort keys %done)
    {
        my ($out, $err) = ('', '');
        my $report = "round $round, $table ($done{$table}): ";
        $node->psql('postgres', statements($table), stdout => \$out, stderr => \$err, on_error_stop => 0);
        my @errors = $err =~ /^(?:psql:.*?)?(?:ERROR|FATAL|PANIC):  (\w{5}: .*)/mg;
        # Errors of PostgreSQL's own, of its page check and at the end of a file, are as good as ours.
        my @other = grep { !/^XX002: |^XX001: (invalid page in|could not read) block|^0A000: index .* has format version/ } @errors;
        my $am = $table =~ s/_\d+$//r;
        my $kind = $done{$table} =~ s/ .*//r;
        $seen{"$am $kind"}{ @errors ? 'reported' : 'answered' }++;
        push @wrong, $report . join('; ', @other)              if @other;
        push @wrong, $report . 'error without the REINDEX hint' if $err =~ /XX002: / && $err !~ /HINT:.*REINDEX/;
        push @wrong, $report . 'not noticed'                   if $must{$table} && !@errors;
        push @wrong, $report . 'wrong rows'                    if $out =~ /f/;
        my ($kb) = $out =~ /^kB (\d+)$/m;
        $most = $kb if ($kb // 0) > $most;
        push @wrong, $report . "memory: $kb kB"                if ($kb // 0) > $limit;
        push @wrong, $report . 'REINDEX did not help'          if $out !~ /t\s*\z/;
        if ($err =~ /closed the connection|terminat|recovery mode/)
        {
            push @wrong, $report . 'server crashed';
            wait_for_recovery($node);
        }
    }
    $node->stop('immediate');
    my $log = slurp_file($node->logfile);
    push @wrong, "round $round: $_" for $log =~ /(server process .*terminated by signal.*|PANIC.*)/g;
    system_or_bail('rm', '-rf', $node->data_dir);
    PostgreSQL::Test::RecursiveCopy::copypath($pristine, $node->data_dir);
    chmod(0700, $node->data_dir);
}

for my $name (sort keys %seen)
{
    my ($am, $kind) = split / /, $name;
    my %n = (reported => 0, answered => 0, %{ $seen{$name} });
    note("$name: $n{reported} reported, $n{answered} answered");
    my @mine = grep { /, ${am}_\d+ \($kind / } @wrong;
    is(scalar(@mine), 0, "$name pages: right rows or a clear error") or diag(join("\n", @mine[ 0 .. ($#mine < 14 ? $#mine : 14) ]));
}
note("most memory: $most kB");
is(scalar(grep { !/\(/ } @wrong), 0, 'no crash in the log') or diag(join("\n", grep { !/\(/ } @wrong));
done_testing();
