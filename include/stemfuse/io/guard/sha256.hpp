// The SHA-256 of bytes and files.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#if __has_include(<openssl/evp.h>)
#include <openssl/evp.h>
#endif

#include <stemfuse/io/base/byte_source.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// SHA-256 (FIPS 180-4, section 6.2), fed in pieces of any length.
class sha256 {
public:
    /// Takes the next bytes of the message.
    void update(std::span<const std::byte> bytes) {
        length_ += bytes.size();
        while (!bytes.empty()) {
            const auto part = bytes.first(std::min(bytes.size(), block_.size() - filled_));
            std::copy(part.begin(), part.end(), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
            filled_ += part.size();
            bytes = bytes.subspan(part.size());
            if (filled_ == block_.size()) compress();
        }
    }

    /// The digest in 64 hexadecimal digits; the object is of no use after it.
    std::string finish() {
        const std::uint64_t bits = 8 * length_;
        std::vector<std::byte> end(1 + (119 - length_ % 64) % 64);  // so that with 8 bytes more a block is full
        end[0] = std::byte{0x80};
        for (int shift = 56; shift >= 0; shift -= 8) end.push_back(static_cast<std::byte>(bits >> shift));
        update(end);
        std::string text;
        for (const std::uint32_t word : state_) {
            for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
        }
        return text;
    }

private:
    static constexpr std::array<std::uint32_t, 64> constants{
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

    void compress() {
        std::array<std::uint32_t, 64> w;
        for (std::size_t t = 0; t < 16; ++t) {
            w[t] = 0;
            for (std::size_t k = 0; k < 4; ++k) w[t] = w[t] << 8 | std::to_integer<std::uint32_t>(block_[4 * t + k]);
        }
        for (std::size_t t = 16; t < 64; ++t) {
            const std::uint32_t a = w[t - 15], b = w[t - 2];
            w[t] = w[t - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) + w[t - 7] +
                   (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
        }
        auto [a, b, c, d, e, f, g, h] = state_;
        for (std::size_t t = 0; t < 64; ++t) {
            const std::uint32_t first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                        ((e & f) ^ (~e & g)) + constants[t] + w[t];
            const std::uint32_t second =
                (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
        }
        const std::array<std::uint32_t, 8> added{a, b, c, d, e, f, g, h};
        for (std::size_t k = 0; k < 8; ++k) state_[k] += added[k];
        filled_ = 0;
    }

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::byte, 64> block_{};
    std::size_t filled_ = 0;
    std::uint64_t length_ = 0;
};

#if __has_include(<openssl/evp.h>)
/// The same by OpenSSL, several times faster on a processor with instructions for it.
class openssl_sha256 {
public:
    openssl_sha256() { good_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1; }

    void update(std::span<const std::byte> bytes) {
        good_ = good_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
    }
    std::string finish() {
        std::array<unsigned char, 32> digest{};
        if (!good_ || EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1)
            throw error("OpenSSL computes no SHA-256");
        std::string text;
        for (const unsigned char byte : digest) text += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
        return text;
    }

private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    bool good_ = false;
};
using best_sha256 = openssl_sha256;
#else
using best_sha256 = sha256;
#endif

/// The SHA-256 of a file's bytes in 64 hexadecimal digits. Throws read_error.
inline std::string sha256_of_file(const std::filesystem::path& path) {
    file_source source(path);
    best_sha256 sum;
    std::vector<std::byte> buffer(1 << 20);
    for (std::size_t n = source.read(buffer); n > 0; n = source.read(buffer)) sum.update(std::span(buffer).first(n));
    return sum.finish();
}

/// The same of an input that may be a folder: then of the lines "digits  path" of all files in it, by their paths in
/// order, as "sha256sum" prints them. Throws read_error.
inline std::string sha256_of_input(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return sha256_of_file(path);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(path));
    }
    std::sort(files.begin(), files.end());
    best_sha256 sum;
    for (const auto& file : files) {
        const bool empty = std::filesystem::file_size(path / file) == 0;
        const std::string line =
            (empty ? best_sha256().finish() : sha256_of_file(path / file)) + "  " + file.generic_string() + "\n";
        sum.update(std::as_bytes(std::span(line)));
    }
    return sum.finish();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
