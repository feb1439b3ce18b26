// The readers of all formats.
#include <stemfuse/io/image_file.hpp>

namespace stemfuse::io {

template detail::any_reader image_file::open<detail::any_reader>(const std::filesystem::path&, const read_options&);
template xt::xtensor<float, 2> image_file::read(const image_info&, frame_choice) const;
template xt::xtensor<double, 2> image_file::read(const image_info&, frame_choice) const;
template xt::xtensor<float, 3> image_file::read_windows(const spectrum_info&, const std::vector<energy_window>&) const;
template xt::xtensor<double, 3> image_file::read_windows(const spectrum_info&, const std::vector<energy_window>&) const;
template xt::xtensor<float, 3> image_file::read_channel_sums(const spectrum_info&, const channel_weights&) const;
template xt::xtensor<double, 3> image_file::read_channel_sums(const spectrum_info&, const channel_weights&) const;

}  // namespace stemfuse::io
