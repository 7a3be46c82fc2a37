# Settings given before the library is there, of which PostgreSQL takes any: the first use of the library says what was wrong, drops that and
# keeps the rest, whoever the user is and however they were given.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__) . '/lib';
use VectorQuant;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('settings');
new_table($node, 'items', 8, 300, am => 'scann');
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN; GRANT SELECT ON items TO reader');

my $show = q{SELECT current_setting('vector_quant.target_recall'), current_setting('scann.nprobe'), current_setting('scann.epsilon')};

# stdout and stderr of a new session of an ordinary user, who sets these and then makes the first use of the library.
sub session
{
    my ($set, $first_use, $options) = @_;
    my ($out, $err) = ('', '');
    local $ENV{PGOPTIONS} = $options // '';
    $node->psql('postgres', "$set $first_use; $show", stdout => \$out, stderr => \$err, extra_params => [ '-U', 'reader' ], on_error_stop => 0);
    return ($out, $err);
}

my $query = query_vector($node, 8, 1);
my %first_use = (
    'a query'    => "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> $query LIMIT 3) n",
    'a function' => 'SELECT count(vector_quant_simd())');
my $bad = q{SET vector_quant.target_recall = 95; SET vector_quant.targt_recall = 0.9; SET scann.nprobe = 'many'; SET scann.nprobes = 4; SET scann.epsilon = 1.5;};
for my $use (sort keys %first_use)
{
    my ($out, $err) = session($bad, $first_use{$use});
    like($err, qr/WARNING:  95 is outside the valid range for parameter "vector_quant\.target_recall" \(0 \.\. 1\)/, "$use: a value out of range");
    like($err, qr/WARNING:  invalid value for parameter "scann\.nprobe": "many"/, "$use: no number");
    # Before 15 such a name is only said not to be known.
    like($err, qr/WARNING:  (invalid configuration parameter name|unrecognized configuration parameter) "vector_quant\.targt_recall"/, "$use: a name of ours that is none");
    like($err, qr/WARNING:  .*configuration parameter.* "scann\.nprobes"/, "$use: one of an access method");
    like($out, qr/^0\|0\|1\.5$/m, "$use: what was right is in force, the rest as shipped");
    unlike($err, qr/ERROR/, "$use: goes on");
}

# In the connection string, and for a role: by who may.
my ($out, $err) = session('', $first_use{'a query'}, '-c vector_quant.target_recall=95 -c scann.epsilon=1.5');
like($err, qr/WARNING:  95 is outside the valid range/, 'in the connection string: a value out of range');
like($out, qr/^0\|0\|1\.5$/m, 'in the connection string: what was right');
$node->safe_psql('postgres', 'ALTER ROLE reader SET vector_quant.target_recall = 0.9');
($out, $err) = session('', $first_use{'a query'});
is($err, '', 'a right value says nothing');
like($out, qr/^0\.9\|0\|2\.2$/m, 'of a role: in force');
# Once it is there, both are errors.
($out, $err) = session("$first_use{'a function'}; SET vector_quant.target_recall = 95;", 'SELECT 1');
like($err, qr/ERROR:  95 is outside the valid range for parameter "vector_quant\.target_recall" \(0 \.\. 1\)/, 'once the library is there: an error');

ok(!crashed($node), 'no crash');
done_testing();
