# A copy of the PostgreSQL installation, for tests that add files to it: other tests run beside them.
package Installation;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(copy_installation provide_pgvector);

sub pg_config { chomp(my $path = `pg_config --$_[0]`); return $path; }

# Copies the folders that a server is run from, to the same places below another root: PostgreSQL finds its folders from
# where its programs lie. Returns a hash: install_path (for PostgreSQL::Test::Cluster->new), sql (folder of the extensions'
# scripts), library (the extension's).
sub copy_installation
{
    my %folder = map { $_ => pg_config($_) } qw(bindir pkglibdir sharedir);
    my $root = PostgreSQL::Test::Utils::tempdir() . '/installation';
    for my $from (sort values %folder)
    {
        next if -e "$root$from";
        system_or_bail('mkdir', '-p', dirname("$root$from"));
        system_or_bail('cp', '-a', $from, "$root$from");
    }
    return (
        install_path => dirname("$root$folder{bindir}"),
        sql          => "$root$folder{sharedir}/extension",
        library      => "$root$folder{pkglibdir}/vector_quant" . (-e "$folder{pkglibdir}/vector_quant.dylib" ? '.dylib' : '.so'));
}

# Sees to it that CREATE EXTENSION vector works: where pgvector is not installed, an extension of its name made of our types
# stands in for it. To the catalogs, to pg_dump and to our script it is pgvector; it has no access methods. True if it
# is pgvector itself that is there.
sub provide_pgvector
{
    my (%installation) = @_;
    my $folder = $installation{sql};
    return 1 if -e "$folder/vector.control";
    my ($file) = glob("$folder/vector_quant--*.*.*.sql");
    my ($script) = slurp_file($file) =~ /EXECUTE \$types\$\n(.*)^-- guard$/ms;
    $script =~ s/MODULE_PATHNAME/\$libdir\/vector_quant/g;
    append_to_file("$folder/vector--0.8.0.sql", $script);
    append_to_file("$folder/vector--0.6.0.sql", $script =~ s/\bhalfvec\b/halfvec_to_come/gr);
    append_to_file("$folder/vector.control", "comment = 'stand-in for pgvector'\ndefault_version = '0.8.0'\nrelocatable = true\n");
    return 0;
}

1;
