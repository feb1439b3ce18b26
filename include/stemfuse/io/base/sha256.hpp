// The SHA-256 of files, through OpenSSL's libcrypto where its headers are.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#if __has_include(<openssl/evp.h>)
#include <openssl/evp.h>
#endif

#include <stemfuse/io/base/byte_source.hpp>

namespace stemfuse::io {

/// The SHA-256 of a file's bytes in 64 hexadecimal digits; empty where stemfuse was built without OpenSSL. Throws
/// read_error.
inline std::string sha256_of_file(const std::filesystem::path& path) {
    file_source source(path);
#if __has_include(<openssl/evp.h>)
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    std::vector<std::byte> buffer(1 << 20);
    for (std::size_t n = source.read(buffer); good && n > 0; n = source.read(buffer))
        good = EVP_DigestUpdate(context.get(), buffer.data(), n) == 1;
    std::array<unsigned char, 32> digest{};
    if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) source.fail("has no SHA-256");
    std::string text;
    for (const unsigned char byte : digest) {
        constexpr const char* digits = "0123456789abcdef";
        text += {digits[byte >> 4], digits[byte & 15]};
    }
    return text;
#else
    return "";
#endif
}

}  // namespace stemfuse::io
