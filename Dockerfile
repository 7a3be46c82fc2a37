# PostgreSQL's official image with vector_quant in it:
#   docker build -t vector_quant --build-arg PG_MAJOR=18 .
# test/install.sh runs these steps in a bare Debian.
ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR}-bookworm AS build
ARG PG_MAJOR
RUN apt-get update && apt-get install -y --no-install-recommends g++ make libxsimd-dev postgresql-server-dev-${PG_MAJOR}
WORKDIR /usr/src/vector_quant
COPY . .
RUN make -j"$(nproc)" PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config
RUN make install DESTDIR=/installed PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config

FROM postgres:${PG_MAJOR}-bookworm
COPY --from=build /installed/usr/lib /usr/lib
COPY --from=build /installed/usr/share/postgresql /usr/share/postgresql
