// A project outside the tree: stemfuse::mpi brings MPI.
#include <cstdio>

#include <mpi.h>

#include <stemfuse/core/error.hpp>

int main() {
    int version = 0, subversion = 0;
    const bool known = MPI_Get_version(&version, &subversion) == MPI_SUCCESS;
    std::printf("MPI %d.%d\n", version, subversion);
    return known ? 0 : 1;
}
