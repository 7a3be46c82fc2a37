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
use Damage;

my $dims   = 20;
my @am     = access_methods();
my $copies = 28;
my $rounds = $ENV{VQ_DAMAGE_ROUNDS} || 10 + 4 * $#am;
my $seed   = $ENV{VQ_DAMAGE_SEED}   || 42;
my $limit  = 100 * 1024;    # kB of memory
my $node   = new_node('damage', "statement_timeout = '30s'", 'restart_after_crash = on');
my $query  = query_vector($node, $dims, 1);
# The most memory that this session has had, with what it has used of that which sessions share.
$node->safe_psql('postgres', q{CREATE FUNCTION most_kb() RETURNS text VOLATILE LANGUAGE sql
    AS $$ SELECT 'kB ' || substring(pg_read_file('/proc/self/status', 0, 10000) from 'VmHWM:\s+(\d+)') $$});
srand($seed);
note("seed $seed");

my %file;
my @tables = damage_tables($copies);
for my $t (@tables)
{
    my $table = $t->{name};
    new_table($node, $table, $dims, 500, am => $t->{am}, with => $t->{with}, filters => $t->{filters});
    fill($node, $table, $dims, 501, 560);
    $file{$table} = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${table}_v')");
}
$node->stop;
disable_checksums($node);
my $pristine = PostgreSQL::Test::Utils::tempdir() . '/pristine';
PostgreSQL::Test::RecursiveCopy::copypath($node->data_dir, $pristine);

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
    for my $t (@tables)
    {
        my ($what, $must) = damage($file{ $t->{name} }, kind_of_round($t, $round)) or next;
        $done{ $t->{name} } = $what;
        $must{ $t->{name} } = $must;
    }
    $node->start;
    for my $table (sort keys %done)
    {
        my ($out, $err) = ('', '');
        my $report = "round $round, $table ($done{$table}): ";
        $node->psql('postgres', statements($table), stdout => \$out, stderr => \$err, on_error_stop => 0);
        my @errors = errors_in($err);
        my $am = $table =~ s/_\d+$//r;
        my $kind = $done{$table} =~ s/ .*//r;
        $seen{"$am $kind"}{ @errors ? 'reported' : 'answered' }++;
        push @wrong, map { "$report$_" } wrong_errors($err);
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

kinds_are_right(\%seen, \@wrong);
note("most memory: $most kB");
is(scalar(grep { !/\(/ } @wrong), 0, 'no crash in the log') or diag(join("\n", grep { !/\(/ } @wrong));
done_testing();
