from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.layout import basic_layout
from conan.tools.files import copy
import os


class StemfuseConan(ConanFile):
    name = "stemfuse"
    version = "0.2.0"
    license = "MIT"
    description = "Fused multi-modal electron microscopy, a header-only C++20 library"
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"io": [True, False]}
    default_options = {"io": True}

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "cmake/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def requirements(self):
        self.requires("xtensor/0.25.0")
        self.requires("openblas/0.3.27")
        if self.options.io:
            for reference in ("hdf5/1.14.3", "libtiff/4.6.0", "libpng/1.6.43", "libzip/1.10.1", "nlohmann_json/3.11.3"):
                self.requires(reference)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        basic_layout(self, src_folder=".")

    def package(self):
        # xtensor-blas is no package of Conan: consumers add its headers, as README.md says.
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "stemfuse")
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "stemfuse::stemfuse")
        core.requires = ["xtensor::xtensor", "openblas::openblas"]
        if self.settings.compiler == "gcc":  # xtensor before 0.26
            core.cxxflags = ["-fno-new-ttp-matching"]
        if self.settings.os in ("Linux", "FreeBSD"):
            core.system_libs = ["pthread"]
        if self.options.io:
            io = self.cpp_info.components["io"]
            io.set_property("cmake_target_name", "stemfuse::io")
            io.requires = ["core", "hdf5::hdf5_c", "libtiff::libtiff", "libpng::libpng", "libzip::libzip",
                           "nlohmann_json::nlohmann_json"]
