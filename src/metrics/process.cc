#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "metrics/registry.h"

namespace plimsoll::metrics {
namespace {

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_descriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = -1;  // the one that this loop itself has open
  while (const dirent* entry = readdir(folder))
    if (entry->d_name[0] != '.') ++count;
  closedir(folder);
  return count;
}

}  // namespace

void add_process_metrics(Registry& registry) {
  registry.computed("process_cpu_seconds_total", "Processor time used, user and system.", "counter",
                    processor_seconds);
  registry.computed("process_resident_memory_bytes", "Resident memory.", "gauge", resident_bytes);
  registry.computed("process_open_fds", "Open file descriptors.", "gauge", open_descriptors);
  const double start =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  registry.computed("process_start_time_seconds", "Start, in seconds since 1970.", "gauge",
                    [start] { return start; });
}

}  // namespace plimsoll::metrics
