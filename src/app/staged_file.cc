#include "app/staged_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "app/console.h"

namespace plimsoll::app {
namespace {

Error not_written(const std::string& path, int problem) {
  Error error;
  error.file = path;
  error.message = fmt::format("cannot be written: {}", std::strerror(problem));
  return error;
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Makes sure of the room for a file's text before what is there is touched; else why there is none.
int make_room(int file, off_t size_before, std::size_t size) {
  if (size <= static_cast<std::size_t>(size_before)) return 0;
  const int problem = ::posix_fallocate(file, size_before, static_cast<off_t>(size) - size_before);
  if (problem == 0 || problem == EOPNOTSUPP || problem == EINVAL) return 0;
  return ::ftruncate(file, size_before) == 0 ? problem : errno;
}

// Writes into what is there. It is not emptied first: of a full disk it would stay empty. What was
// there comes back if writing ends halfway.
Status write_over(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return not_written(path, errno);
  struct stat status{};
  ::fstat(file, &status);  // of a file that is open it does not fail
  const bool regular = S_ISREG(status.st_mode);
  const auto before = regular ? read_file(path) : Result<std::string>(std::string());
  int problem = regular ? make_room(file, status.st_size, text.size()) : 0;
  if (problem == 0 && !write_all(file, text)) problem = errno;
  if (problem == 0 && regular && ::ftruncate(file, static_cast<off_t>(text.size())) != 0)
    problem = errno;
  if (problem != 0 && regular && before && ::lseek(file, 0, SEEK_SET) == 0) {
    // As far as it was overwritten; that much fits.
    write_all(file, *before);
    if (::ftruncate(file, status.st_size) != 0) problem = errno;
  }
  if (::close(file) != 0 && problem == 0) problem = errno;
  return problem == 0 ? Status{} : not_written(path, problem);
}

}  // namespace

Result<StagedFile> StagedFile::write(std::string path, std::string_view text, mode_t mode) {
  // rename() would tell too, but when other files are in their places already.
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    return not_written(path, EISDIR);
  // A name that nobody can foresee, and so no file or link that somebody has laid there.
  std::string name = path + ".XXXXXX";
  const int file = ::mkstemp(name.data());
  if (file < 0) return not_written(path, errno);
  StagedFile staged(std::move(path), std::move(name));
  int problem = 0;
  if (!write_all(file, text) || ::fchmod(file, mode) != 0 || ::fsync(file) != 0) problem = errno;
  if (::close(file) != 0 && problem == 0) problem = errno;
  if (problem != 0) return not_written(staged.path_, problem);
  return staged;
}

Status StagedFile::put() {
  if (::rename(staged_at_.c_str(), path_.c_str()) != 0) return not_written(path_, errno);
  staged_at_.clear();
  return {};
}

StagedFile::~StagedFile() {
  if (!staged_at_.empty()) ::unlink(staged_at_.c_str());
}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : path_(std::move(other.path_)), staged_at_(std::exchange(other.staged_at_, {})) {}

Status write_file(const std::string& path, std::string_view text) {
  struct stat status{};
  const bool there = ::stat(path.c_str(), &status) == 0;
  // A file that is this process's own output, such as /dev/stdout, is gone on with.
  for (const int own : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat output{};
    if (!there || ::fstat(own, &output) != 0 || output.st_ino != status.st_ino ||
        output.st_dev != status.st_dev)
      continue;
    return write_all(own, text) ? Status{} : not_written(path, errno);
  }
  // Other names of a file, and what is no file, must see what is written.
  if (there && (!S_ISREG(status.st_mode) || status.st_nlink > 1)) return write_over(path, text);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  std::error_code no_link;
  const auto meant = std::filesystem::canonical(path, no_link);
  errno = 0;
  auto staged = StagedFile::write(there ? meant.string() : path, text,
                                  there ? status.st_mode & 07777U : 0666U & ~mask);
  // Who may not give a file away need not: it is the writer's then, as any new file.
  if (staged && there && ::chown(staged->staged_at().c_str(), status.st_uid, status.st_gid) == 0)
    ::chmod(staged->staged_at().c_str(), status.st_mode & 07777U);
  Status error = staged ? staged->put() : Status(staged.error());
  // A file that one may write in a folder that one may not, or that is mounted by itself.
  const bool not_allowed = errno == EACCES || errno == EPERM || errno == EROFS || errno == EBUSY;
  if (error && there && not_allowed) error = write_over(path, text);
  return error;
}

}  // namespace plimsoll::app
