# A streaming replica reads the same through the index as the primary, and replay agrees with the primary's pages:
# wal_consistency_checking stops the replica at the first byte that differs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims    = 32;
my $primary = new_node('primary', "wal_consistency_checking = 'generic'");
$primary->backup('base');
my $replica = PostgreSQL::Test::Cluster->new('replica');
$replica->init_from_backup($primary, 'base', has_streaming => 1);
$replica->start;

my @tables  = map { ("plain_$_", "fine_$_") } access_methods();
my @queries = map { query_vector($primary, $dims, $_) } 1 .. 3;

sub same_on_replica
{
    my ($step) = @_;
    $primary->wait_for_catchup($replica);
    for my $table (@tables)
    {
        my @answers = map {
            my $node = $_;
            join("\n", map { nearest($node, $table, $_, '<->', 200, 1) } @queries)
        } ($primary, $replica);
        is($answers[1], $answers[0], "$step: replica answers as the primary, $table");
        is_complete($replica, $table, $queries[0], "$step: $table on the replica");
    }
}

# 'fine' exercises pages that 'plain' does not have: finer codes and refine codes.
for my $am (access_methods())
{
    new_table($primary, "plain_$am", $dims, 3000, am => $am);
    new_table($primary, "fine_$am", $dims, 3000, am => $am,
        with => "nlist = 20, refine = true, refine_type = 'FP16', " . variant($am, 1));
}
same_on_replica('build');
uses_index($replica, "SELECT id FROM $_ ORDER BY v <-> $queries[0] LIMIT 5", "${_}_v", "replica plans the index, $_") for @tables;

# Enough rows that tails are sealed into tiles on the way.
fill($primary, $_, $dims, 3001, 9000) for @tables;
same_on_replica('insert');

$primary->safe_psql('postgres', "DELETE FROM $_ WHERE id % 3 = 0; VACUUM $_") for @tables;
same_on_replica('vacuum');

$primary->safe_psql('postgres',
    "INSERT INTO $_ SELECT id, vq_row(id, $dims) FROM generate_series(3, 9000, 3) id") for @tables;
same_on_replica('reinsert');

$primary->safe_psql('postgres', "UPDATE $_ SET v = vq_row(id + 7, $dims) WHERE id % 5 = 0; VACUUM $_")
  for @tables;
same_on_replica('update');

$replica->stop;
$replica->start;
same_on_replica('restart of the replica');

$replica->promote;
for my $table (@tables)
{
    fill($replica, $table, $dims, 9001, 9500);
    is_complete($replica, $table, $queries[0], "insert after promotion, $table");
}

ok(!crashed($_), $_->name . ' did not crash') for ($primary, $replica);
$_->stop for ($replica, $primary);
done_testing();
