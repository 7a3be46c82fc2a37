# Inserts, deletes, updates and queries from several sessions while VACUUM runs and the index is built and rebuilt
# CONCURRENTLY. No session may see an error, and afterwards the index holds exactly the table's rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims = 16;
my $node = new_node('concurrent', 'max_connections = 30', 'deadlock_timeout = 100ms');
my $query = query_vector($node, $dims, 1);
my $temp  = PostgreSQL::Test::Utils::tempdir();

new_table($node, 'items', $dims, 2000, with => 'nlist = 12');
$node->safe_psql('postgres',
    "CREATE INDEX items_fine ON items USING ivf_rabitq (v vector_cosine_ops) WITH (nlist = 6, rbq_bits = 2, refine = true)");
$node->safe_psql('postgres', 'CREATE SEQUENCE s START 100000');

my %script = (
    insert => "INSERT INTO items SELECT n, vq_row(n, $dims) FROM (SELECT nextval('s') n FROM generate_series(1, 20)) g;",
    # Rows of other sessions may vanish between choice and deletion; that is not an error.
    delete => '\set r random(0, 200)' . "\nDELETE FROM items WHERE id % 200 = :r AND id > 1000;",
    update => '\set r random(1, 1000)' . "\nUPDATE items SET v = vq_row(id + 1, $dims) WHERE id = :r;",
    query  => "SET enable_seqscan = off; SET ivf_rabitq.nprobe = 3;\n"
      . "SELECT 1 / (count(*) = 300)::int FROM (SELECT id FROM items ORDER BY v <-> $query LIMIT 300) n;",
    cosine => "SET enable_seqscan = off;\n"
      . "SELECT 1 / (count(DISTINCT id) = 300)::int FROM (SELECT id FROM items ORDER BY v <=> $query LIMIT 300) n;");
my @files;
for my $name (sort keys %script)
{
    append_to_file("$temp/$name.sql", "$script{$name}\n");
    push @files, '-f', "$temp/$name.sql";
}

sub bench
{
    my ($seconds) = @_;
    my ($out, $err) = ('', '');
    my $handle = IPC::Run::start([ 'pgbench', '-n', '-c', 6, '-j', 2, '-T', $seconds, @files, $node->connstr('postgres') ],
        '>', \$out, '2>', \$err);
    return { handle => $handle, out => \$out, err => \$err };
}

sub finished
{
    my ($bench, $step) = @_;
    $bench->{handle}->finish;
    unlike(${ $bench->{err} }, qr/ERROR|aborted|PANIC|closed the connection/, "$step: no session saw an error");
    my ($count) = ${ $bench->{out} } =~ /transactions actually processed: (\d+)/;
    cmp_ok($count // 0, '>', 50, "$step: sessions did something");
    is_complete($node, 'items', $query, $step);
    is_complete($node, 'items', $query, "$step, cosine", '<=>');
}

my $bench = bench(6);
for (1 .. 12)
{
    $node->safe_psql('postgres', 'VACUUM items');
    select(undef, undef, undef, 0.3);
}
finished($bench, 'vacuum');

$bench = bench(6);
$node->safe_psql('postgres', "CREATE INDEX CONCURRENTLY items_late ON items USING ivf_rabitq (v) WITH (nlist = 5)");
$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY items_v');
$node->safe_psql('postgres', 'VACUUM items');
$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY items_v');
$node->safe_psql('postgres', 'REINDEX TABLE CONCURRENTLY items');
finished($bench, 'concurrent builds');

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_index WHERE indrelid = 'items'::regclass AND NOT indisvalid"),
    '0', 'every index is valid');
unlike(slurp_file($node->logfile), qr/ERROR:|FATAL:  (?!terminating|the database)/, 'no errors in the log');
ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
