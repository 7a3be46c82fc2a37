# What pg_stat_progress_create_index shows while an index is built: phases in their order, with counts that grow to what there
# is; and what a build says of itself at DEBUG1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims = 64;
my $rows = 20000;
my $node = new_node('progress', 'max_parallel_maintenance_workers = 1', 'max_worker_processes = 8');
new_table($node, 'items', $dims, $rows);

my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('items') / current_setting('block_size')::int");

my @phases = ('initializing', 'sampling rows', 'clustering', 'training codes', 'encoding rows', 'writing lists', 'calibrating');
my %place  = map { $phases[$_] => $_ } 0 .. $#phases;

# Starts the statement in a session of its own.
sub start
{
    my ($statement, $err) = @_;
    return IPC::Run::start([ 'psql', '-XqAt', '-c', 'SET client_min_messages = debug1', '-c', $statement, '-d',
            $node->connstr('postgres') ], '>', \my $out, '2>', $err);
}

# What the view shows from the build's begin to its end, looked at every millisecond: one line for each change.
$node->safe_psql('postgres', q{
    CREATE TABLE seen (n serial, phase text, blocks_total bigint, blocks_done bigint, tuples_total bigint, tuples_done bigint);
    CREATE PROCEDURE look() LANGUAGE plpgsql AS $$
    DECLARE
        p record;
        before text := '';
        began bool := false;
    BEGIN
        FOR i IN 1 .. 120000 LOOP
            PERFORM pg_stat_clear_snapshot();
            SELECT phase, blocks_total, blocks_done, tuples_total, tuples_done INTO p FROM pg_stat_progress_create_index;
            IF NOT FOUND THEN
                EXIT WHEN began;
            ELSIF p::text <> before THEN
                INSERT INTO seen (phase, blocks_total, blocks_done, tuples_total, tuples_done)
                    VALUES (p.phase, p.blocks_total, p.blocks_done, p.tuples_total, p.tuples_done);
                before := p::text;
                began := true;
            END IF;
            PERFORM pg_sleep(0.001);
        END LOOP;
    END $$});

# The lines of one build: [phase, blocks_total, blocks_done, tuples_total, tuples_done], and its messages.
sub watch
{
    my ($statement) = @_;
    my $err = '';
    $node->safe_psql('postgres', 'TRUNCATE seen');
    my $looking = IPC::Run::start([ 'psql', '-XqAt', '-c', 'CALL look()', '-d', $node->connstr('postgres') ],
        '>', \my $out, '2>', \my $failure);
    $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'CALL look()'");
    my $building = start($statement, \$err);
    $building->finish;
    $looking->finish;
    is($failure, '', 'the view could be read');
    my @seen = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres',
        "SELECT replace(phase, 'building index: ', ''), blocks_total, blocks_done, tuples_total, tuples_done FROM seen ORDER BY n");
    return (\@seen, $err);
}

for my $am (access_methods())
{
    my $variant = variant($am, 1);
    for my $workers (0, 1)
    {
        my $name = "$am, $workers workers";
        $node->safe_psql('postgres', "ALTER TABLE items SET (parallel_workers = $workers)");
        my ($seen, $err) = watch("CREATE INDEX items_v ON items USING $am (v) WITH (nlist = 100, $variant)");

        my (@order, %lines, @wrong);
        for my $line (@$seen)
        {
            my ($phase, $blocks_total, $blocks_done, $tuples_total, $tuples_done) = @$line;
            next unless exists $place{$phase};
            push @order, $phase if !@order || $order[-1] ne $phase;
            push @wrong, "@$line: more than there is"
              if $blocks_done > $blocks_total || ($tuples_done > $tuples_total && $phase ne 'sampling rows');
            my $before = $lines{$phase} ? $lines{$phase}[-1] : $line;
            push @wrong, "@$before, then @$line"
              if $tuples_done < $before->[4]
              || ($blocks_done < $before->[2] && $phase ne 'encoding rows'); # PostgreSQL's count is of all in the first block
            push @{ $lines{$phase} }, $line;
        }
        my @places = map { $place{$_} } @order;
        is("@places", join(' ', sort { $a <=> $b } @places), "$name: each phase once, in their order") or diag("@order");
        is("@wrong", '', "$name: counts grow to what there is");

        # The long ones are seen whoever else has the processor.
        for my $phase ('clustering', 'encoding rows')
        {
            my @during = grep { $_->[4] > 0 && $_->[4] < $_->[3] } @{ $lines{$phase} };
            cmp_ok(scalar @during, '>', 2, "$name: seen while $phase");
        }
        my ($sampled) = $err =~ /lists clustered from (\d+) rows/;
        is($lines{'clustering'}[-1][3], $sampled, "$name: clusters the sampled rows");
        my $last = $lines{'encoding rows'}[-1];
        is($last->[3], $rows, "$name: encodes the table's rows");
        is($last->[1], $pages, "$name: of the table's pages");

        # Its messages
        like($err, qr/: $rows of about $rows rows sampled, from $pages of $pages blocks, \d/, "$name: sampling")
          if $sampled == $rows;
        like($err, qr/: 100 lists clustered from \d+ rows, 10 rounds of k-means, \d/,   "$name: clustering");
        like($err, qr/: codes: .*; trained on \d+ rows, \d/,                            "$name: training");
        like($err, qr/: $rows rows encoded, mean distance from their centroids \d.*, \d/, "$name: encoding");
        like($err, qr/: 100 lists written in groups of \d+, index of \d+ pages, \d/,    "$name: writing");
        like($err, qr/: calibrated with 400 queries: nprobe \d+, error scale \d/,       "$name: calibrating");
        unlike($err, qr/NOTICE|WARNING/, "$name: nothing to complain of");
        $node->safe_psql('postgres', 'DROP INDEX items_v');
    }
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
