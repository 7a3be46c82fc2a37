# Indexes that are made before their rows are there, where no client sees a NOTICE: on a subscriber of logical replication and on a new
# partition. The server's log says that they are untrained, and autovacuum trains them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my ($dims, $rows) = (8, 12000);
my $publisher  = new_node('publisher', 'wal_level = logical');
my $subscriber = new_node('subscriber', 'autovacuum = on', 'autovacuum_naptime = 1s', 'log_autovacuum_min_duration = -1');
my @ams = access_methods();

sub indexed
{
    my ($table) = @_;
    return join(';', map { "CREATE INDEX ${table}_$_ ON $table USING $_ (v)" } @ams);
}

# Before the log has been read nobody is to vacuum.
sub autovacuum
{
    my ($table, $on) = @_;
    return $subscriber->safe_psql('postgres', "ALTER TABLE $table SET (autovacuum_enabled = $on)");
}

sub has_rows { my ($table) = @_; return $subscriber->poll_query_until('postgres', "SELECT count(*) = $rows FROM $table"); }

# Each index of the table has one line in the log, of the process that put the rows there.
sub logged
{
    my ($table, $name) = @_;
    my $log = slurp_file($subscriber->logfile);
    for my $am (@ams)
    {
        my @lines = $log =~ /LOG:  index "${table}_$am" was built on an empty table and keeps all rows in one list\n.*\n.*HINT:  VACUUM trains it on its rows, and so does autovacuum\./g;
        is(scalar(@lines), 1, "$name: ${table}_$am is said to be untrained, once");
    }
    return;
}

sub trained
{
    my ($table, $name) = @_;
    my $list = join(',', map { "${table}_$_" } @ams);
    ok($subscriber->poll_query_until('postgres', "SELECT bool_and(trained AND lists > 1 AND rows = $rows AND maintained_because = 'untrained')
        FROM unnest('{$list}'::regclass[]) i, vector_quant_index_stats(i)"), "$name: autovacuum trains all indexes");
    check_indexes($subscriber, $table);
    return;
}

# --- a subscriber: rows that are there already come by COPY, later ones by the apply worker

$publisher->safe_psql('postgres', "CREATE TABLE $_ (id bigint PRIMARY KEY, v vector($dims))") for qw(copied applied);
$publisher->safe_psql('postgres', "INSERT INTO copied SELECT id, vq_row(id, $dims) FROM generate_series(1, $rows) id; CREATE PUBLICATION pub FOR TABLE copied, applied");
$subscriber->safe_psql('postgres', "CREATE TABLE $_ (id bigint PRIMARY KEY, v vector($dims)); " . indexed($_)) for qw(copied applied);
autovacuum($_, 'off') for qw(copied applied);
my $source = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$source' PUBLICATION pub");
has_rows('copied') or die 'not copied';
$publisher->wait_for_catchup('sub');
logged('copied', 'rows of a subscription, copied');
$publisher->safe_psql('postgres', "INSERT INTO applied SELECT id, vq_row(id, $dims) FROM generate_series(1, $rows) id");
has_rows('applied') or die 'not applied';
logged('applied', 'rows of a subscription, applied');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');

# --- a new partition: its indexes are made with it, as options and all are those of the parent

$subscriber->safe_psql('postgres', "CREATE TABLE parent (id bigint, v vector($dims)) PARTITION BY RANGE (id); "
    . join(';', map { "CREATE INDEX parent_$_ ON parent USING $_ (v) WITH (target_recall = 0.97)" } @ams)
    . "; CREATE TABLE part PARTITION OF parent FOR VALUES FROM (0) TO (1000000)");
$subscriber->safe_psql('postgres', join(';', map { "ALTER INDEX $_->[0] RENAME TO $_->[1]" } map { [ split /\|/ ] }
    split /\n/, $subscriber->safe_psql('postgres', q{SELECT indexrelid::regclass, 'part_' || amname FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam
        WHERE indrelid = 'part'::regclass})));
autovacuum('part', 'off');
$subscriber->safe_psql('postgres', "SET client_min_messages = error; INSERT INTO parent SELECT id, vq_row(id, $dims) FROM generate_series(1, $rows) id");
logged('part', 'a new partition');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname ~ '^part_' AND reloptions = '{target_recall=0.97}'}),
    scalar(@ams), 'a new partition: options of the parent');

autovacuum($_, 'on') for qw(copied applied part);
trained('copied', 'rows of a subscription, copied');
trained('applied', 'rows of a subscription, applied');
trained('part', 'a new partition');

ok(!crashed($_), 'no server process died') for ($publisher, $subscriber);
done_testing();
