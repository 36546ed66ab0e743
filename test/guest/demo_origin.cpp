// SPDX-License-Identifier: GPL-2.0
#include "demo_origin.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "proxy.hpp"

namespace guest {
namespace {

// The client asks for /b?len=SIZE. A posted body goes to a file whose name the answer tells.
constexpr const char* configuration = R"(user root;
worker_processes 1;
pid nginx.pid;
error_log log notice;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_timeout 120s;
    keepalive_requests 100000;
    client_max_body_size 0;
    client_body_temp_path posted;
    sendfile {3};
    tcp_nopush on;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {0} backlog=512;
        {2}
        root .;
        location = /b {{
            if ($request_method = POST) {{ rewrite ^ /post last; }}
            rewrite ^ /files/$arg_len;
        }}
        location /files/ {{
            add_header X-Origin 1;
            add_header X-Size $arg_len;
        }}
        location = /take {{
            client_body_buffer_size 32m;
            proxy_pass http://127.0.0.1:{1};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        location = /post {{
            client_body_in_file_only on;
            proxy_pass http://127.0.0.1:{1};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            add_header X-Origin 1;
            add_header X-Size 0;
            add_header X-Stored $request_body_file;
        }}
    }}
    server {{
        listen 127.0.0.1:{1};
        location / {{ return 200 ""; }}
    }}
}}
)";

/// Several origins of one process do not share theirs.
std::string new_directory(const std::string& where) {
    std::string name = where + "/libra-origin.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), name);
    }
    return name;
}

std::string header(const Reply& reply, const std::string& name) {
    for (const Header& each : reply.headers) {
        if (each.first == name) {
            return each.second;
        }
    }
    return {};
}

} // namespace

FileOrigin::FileOrigin(const Namespace& ns, const std::vector<std::uint64_t>& sizes,
                       std::uint16_t listen, const OriginOptions& wanted)
    : directory_(new_directory(wanted.directory)) {
    std::filesystem::create_directories(directory_ + "/files");
    for (const std::uint64_t size : sizes) {
        std::string bytes(size, '\0');
        Pattern{get(size).answer.body.seed}.fill(0, std::as_writable_bytes(std::span(bytes)));
        spew(fmt::format("{}/files/{}", directory_, size), bytes);
    }
    std::string lines;
    if (wanted.tls != OriginTls::none) {
        lines =
            fmt::format("listen {} ssl backlog=512; ssl_certificate {}; ssl_certificate_key {};",
                        https_port, certificate().certificate, certificate().key);
    }
    if (wanted.tls == OriginTls::kernel) {
        lines += " ssl_protocols TLSv1.2; ssl_conf_command Options KTLS;";
    }
    spew(directory_ + "/nginx.conf",
         fmt::format(configuration, listen, listen + 1, lines, wanted.sendfile ? "on" : "off"));
    ProcessOptions options;
    options.netns = ns.fd();
    options.output = directory_ + "/stdout";
    daemon_ = Process(
        {"nginx", "-p", directory_, "-e", "log", "-c", "nginx.conf", "-g", "daemon off;"}, options);
    if (!eventually([this] { return !workers().empty(); })) {
        throw std::runtime_error("the origin does not start: " + slurp(directory_ + "/log"));
    }
}

FileOrigin::~FileOrigin() {
    daemon_.stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

std::vector<pid_t> FileOrigin::workers() const {
    return children(daemon_.pid());
}

std::string FileOrigin::check_posted(const Exchange& what, const Reply& reply) {
    const std::string file = header(reply, "x-stored");
    const std::string stored = slurp(file);
    std::filesystem::remove(file);
    if (stored.size() != what.body.size) {
        return fmt::format("{}: the origin has {} bytes", describe(what), stored.size());
    }
    const auto wrong = Pattern{what.body.seed}.mismatch(0, std::as_bytes(std::span(stored)));
    return wrong ? fmt::format("{}: byte {} is wrong at the origin", describe(what), *wrong) : "";
}

} // namespace guest
