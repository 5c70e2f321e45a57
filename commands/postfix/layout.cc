// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/layout.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "lib/base/files.h"

namespace postern::postfix {

namespace {

namespace fs = std::filesystem;

enum class Owner { root, mail };
struct Directory {
  std::string_view name;
  mode_t mode;
  Owner owner = Owner::mail;
  bool drop_group = false;
};

constexpr std::array kDirectories{
    Directory{"active", 0700},
    Directory{"bounce", 0700},
    Directory{"corrupt", 0700},
    Directory{"defer", 0700},
    Directory{"deferred", 0700},
    Directory{"flush", 0700},
    Directory{"hold", 0700},
    Directory{"incoming", 0700},
    Directory{"private", 0700},
    Directory{"saved", 0700},
    Directory{"trace", 0700},
    Directory{"maildrop", 0730, Owner::mail, true},
    Directory{"public", 0710, Owner::mail, true},
    Directory{"pid", 0755, Owner::root},
};
constexpr mode_t kQueueDirectoryMode = 0755;
constexpr mode_t kDataDirectoryMode = 0700;
constexpr mode_t kSetGidMode = 02755;
constexpr std::array kSetGidCommands{"postdrop", "postqueue", "postlog"};
// What Debian's chroot preparation copies below the queue directory.
constexpr std::array kJailCopies{"bin", "etc", "lib", "sbin", "usr"};

uid_t uid_of(const Account& account, Owner owner) {
  return owner == Owner::root && !account.rootless ? 0 : account.owner_uid;
}

Result<> own(const Context& context, const std::string& path, uid_t uid, gid_t gid, mode_t mode) {
  // Without root the group is given where the kernel allows it; the owner is right by itself.
  if (::chown(path.c_str(), uid, gid) < 0 && !(context.account.rootless && errno == EPERM)) {
    return fail_errno("chown " + path);
  }
  if (::chmod(path.c_str(), mode) < 0) return fail_errno("chmod " + path);
  return {};
}

Result<> own(const Context& context, const Directory& directory) {
  const auto& account = context.account;
  const uid_t uid = uid_of(account, directory.owner);
  const gid_t gid = directory.drop_group                                  ? account.drop_gid
                    : directory.owner == Owner::root && !account.rootless ? 0
                                                                          : account.owner_gid;
  return own(context, context.queue(directory.name), uid, gid, directory.mode);
}

Result<> make_parents(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail("mkdir " + path + ": " + error.message(), error.value());
  return {};
}

// --- findings ------------------------------------------------------------------------------------------

class Inspection {
 public:
  explicit Inspection(const Context& context) : context_(context) {}

  void root_owned(const std::string& path) {
    struct stat st{};
    if (context_.account.rootless || ::lstat(path.c_str(), &st) < 0 || S_ISLNK(st.st_mode)) return;
    if (st.st_uid != 0) add("not owned by root: " + path);
    writable(path, st);
  }
  void root_owned_tree(const std::string& path) {
    root_owned(path);
    std::error_code error;
    for (const auto& entry :
         fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, error)) {
      root_owned(entry.path());
    }
  }
  void mail_owned(const std::string& path) {
    struct stat st{};
    if (::lstat(path.c_str(), &st) < 0 || st.st_uid == context_.account.owner_uid) return;
    add("not owned by " + context_.main.mail_owner + ": " + path);
  }
  void not_writable(const std::string& path) {
    struct stat st{};
    if (::lstat(path.c_str(), &st) == 0) writable(path, st);
  }
  void drop_group(const std::string& path) {
    struct stat st{};
    if (context_.account.rootless || ::stat(path.c_str(), &st) < 0) return;
    if (st.st_gid != context_.account.drop_gid) add("not owned by group " + context_.main.setgid_group + ": " + path);
  }
  void set_gid(const std::string& path) {
    struct stat st{};
    if (context_.account.rootless || ::stat(path.c_str(), &st) < 0) return;
    constexpr mode_t kWanted = S_ISGID | S_IXUSR | S_IXGRP | S_IXOTH;
    if ((st.st_mode & kWanted) != kWanted) add("not set-gid or not owner+group+world executable: " + path);
  }
  void mail_owned_files(const std::string& directory) {
    mail_owned(directory);
    std::error_code error;
    for (const auto& entry :
         fs::recursive_directory_iterator(directory, fs::directory_options::skip_permission_denied, error)) {
      if (!entry.is_socket(error) && !entry.is_fifo(error)) mail_owned(entry.path());
    }
  }
  void jail_copies() {
    for (const auto* top : kJailCopies) {
      const fs::path base(context_.queue(top));
      std::error_code error;
      for (const auto& entry :
           fs::recursive_directory_iterator(base, fs::directory_options::skip_permission_denied, error)) {
        if (!entry.is_regular_file(error)) continue;
        const auto inside = entry.path().string();
        const auto outside = inside.substr(context_.main.queue_directory.size());
        if (!fs::is_regular_file(outside, error)) continue;
        const auto a = files::read(inside);
        const auto b = files::read(outside);
        if (a && b && *a != *b) add(fmt::format("{} and {} differ", inside, outside));
      }
    }
  }
  void damaged_messages() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(context_.queue("corrupt"), error)) {
      add("damaged message: corrupt/" + entry.path().filename().string());
    }
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  void add(std::string text) { found_.push_back(std::move(text)); }
  void writable(const std::string& path, const struct stat& st) {
    if (!S_ISLNK(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) add("group or other writable: " + path);
  }
  const Context& context_;
  std::vector<std::string> found_;
};

}  // namespace

Result<> create_missing(const Context& context) {
  const auto& main = context.main;
  if (!files::exists(main.queue_directory)) {
    if (auto made = make_parents(main.queue_directory); !made) return made;
    const uid_t uid = uid_of(context.account, Owner::root);
    const gid_t gid = context.account.rootless ? context.account.owner_gid : 0;
    if (auto owned = own(context, main.queue_directory, uid, gid, kQueueDirectoryMode); !owned) return owned;
  }
  for (const auto& directory : kDirectories) {
    if (files::exists(context.queue(directory.name))) continue;
    if (auto made = files::make_directory(context.queue(directory.name), directory.mode); !made) return made;
    if (auto owned = own(context, directory); !owned) return owned;
  }
  if (files::exists(main.data_directory)) return {};
  if (auto made = make_parents(main.data_directory); !made) return made;
  return own(context, main.data_directory, context.account.owner_uid, context.account.owner_gid, kDataDirectoryMode);
}

Result<> set_permissions(const Context& context) {
  if (auto made = create_missing(context); !made) return made;
  for (const auto& directory : kDirectories) {
    if (auto owned = own(context, directory); !owned) return owned;
  }
  const auto& main = context.main;
  const auto& account = context.account;
  if (auto owned = own(context, main.data_directory, account.owner_uid, account.owner_gid, kDataDirectoryMode);
      !owned) {
    return owned;
  }
  if (account.rootless) return {};
  if (auto owned = own(context, main.queue_directory, 0, 0, kQueueDirectoryMode); !owned) return owned;
  for (const auto* name : kSetGidCommands) {
    const auto path = context.command(name);
    if (!files::exists(path)) continue;
    if (auto owned = own(context, path, 0, account.drop_gid, kSetGidMode); !owned) return owned;
  }
  return {};
}

std::vector<std::string> findings(const Context& context) {
  const auto& main = context.main;
  Inspection look(context);
  look.root_owned(main.queue_directory);
  look.root_owned(context.queue("pid"));
  look.root_owned_tree(context.config.directory());
  look.root_owned(main.daemon_directory);
  for (const auto& directory : {main.meta_directory, main.shlib_directory}) {
    if (directory.starts_with('/') && directory != context.config.directory()) look.root_owned(directory);
  }
  look.mail_owned_files(main.data_directory);
  look.not_writable(main.data_directory);
  for (const auto& directory : kDirectories) {
    if (directory.owner == Owner::mail && directory.name != "maildrop")
      look.mail_owned_files(context.queue(directory.name));
    if (directory.drop_group) look.drop_group(context.queue(directory.name));
  }
  // Files in maildrop belong to those who submitted them.
  look.mail_owned(context.queue("maildrop"));
  for (const auto* name : {"postqueue", "postdrop"}) {
    look.drop_group(context.command(name));
    look.set_gid(context.command(name));
  }
  look.jail_copies();
  look.damaged_messages();
  return look.take();
}

}  // namespace postern::postfix
