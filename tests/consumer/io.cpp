// A project outside the tree: the libraries of stemfuse::io are found and linked.
#include <cstdio>

#include <hdf5.h>
#include <png.h>
#include <tiffio.h>
#include <zip.h>

#include <stemfuse/io/record/record.hpp>

int main() {
    unsigned major = 0, minor = 0, release = 0;
    const bool opened = H5get_libversion(&major, &minor, &release) >= 0;
    const stemfuse::io::fusion_record<float> record{.title = TIFFGetVersion()};
    std::printf("HDF5 %u.%u.%u, libpng %u, libzip %s, %s\n", major, minor, release, png_access_version_number(),
                zip_libzip_version(), record.title.c_str());
    return opened ? 0 : 1;
}
