namespace Gateway.Harness.Subjects;

/// <summary>Starts the proxies that the gateway's is measured beside, set up as their manuals have it for this: one thread, connections to the upstream kept.</summary>
internal static class OtherProxies
{
    private const string Nginx = "/usr/sbin/nginx";
    private const string HAProxy = "/usr/sbin/haproxy";

    /// <summary>Those that are installed (Debian's <c>nginx</c> and <c>haproxy</c>), by name.</summary>
    /// <param name="upstream">The port that they forward to.</param>
    /// <param name="folder">Where their configuration may be written.</param>
    public static IEnumerable<(string Name, Func<ServerProcess> Start)> Installed(int upstream, string folder)
    {
        if (File.Exists(Nginx)) yield return ("nginx", () => StartNginx(upstream, folder));
        if (File.Exists(HAProxy)) yield return ("haproxy", () => StartHAProxy(upstream, folder));
    }

    private static ServerProcess StartNginx(int upstream, string folder)
    {
        int port = ServerProcess.FreePort();
        string file = Path.Combine(folder, "nginx.conf");
        File.WriteAllText(
            file,
            $$"""
            daemon off; master_process off; worker_processes 1; pid {{folder}}/nginx.pid; error_log stderr crit;
            events { worker_connections 4096; }
            http {
              access_log off; client_body_temp_path {{folder}}; proxy_temp_path {{folder}}; fastcgi_temp_path {{folder}}; uwsgi_temp_path {{folder}}; scgi_temp_path {{folder}};
              keepalive_requests 1000000000; client_body_buffer_size 64k;
              upstream api { server 127.0.0.1:{{upstream}}; keepalive 256; keepalive_requests 1000000000; }
              server {
                listen 127.0.0.1:{{port}};
                location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; }
              }
            }
            """);
        return ServerProcess.Start(Nginx, ["-p", folder, "-c", file], port);
    }

    private static ServerProcess StartHAProxy(int upstream, string folder)
    {
        int port = ServerProcess.FreePort();
        string file = Path.Combine(folder, "haproxy.cfg");
        File.WriteAllText(
            file,
            $"""
            global
              nbthread 1
              maxconn 4096
            defaults
              mode http
              option forwardfor
              http-reuse always
              timeout connect 5s
              timeout client 60s
              timeout server 60s
            listen api
              bind 127.0.0.1:{port}
              server one 127.0.0.1:{upstream}

            """);
        return ServerProcess.Start(HAProxy, ["-db", "-q", "-f", file], port);
    }
}
