using System.Globalization;
using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Parties;

/// <summary>nginx in front of the upstream with the credential replaced, and optionally an <c>auth_request</c> before each call.</summary>
internal static class NginxParty
{
    public static async Task<Running> StartAsync(
        string program, string directory, int port, int upstream, int? authorizer, string key, CancellationToken cancellationToken)
    {
        var home = Directory.CreateDirectory(Path.Combine(directory, $"nginx-{port}")).FullName;
        var file = Path.Combine(home, "nginx.conf");
        await File.WriteAllTextAsync(file, Configuration(home, port, upstream, authorizer, key), cancellationToken);
        return await Running.StartAsync("nginx", program, ["-p", home, "-c", file, "-e", Path.Combine(home, "error.log")], port, null, cancellationToken);
    }

    private static string Configuration(string home, int port, int upstream, int? authorizer, string key) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        daemon off;
        {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
        worker_processes auto;
        pid {{home}}/nginx.pid;
        error_log {{home}}/error.log warn;
        events { worker_connections 8192; }
        http {
          access_log off;
          client_body_temp_path {{home}}/body;
          proxy_temp_path {{home}}/proxy;
          fastcgi_temp_path {{home}}/fastcgi;
          uwsgi_temp_path {{home}}/uwsgi;
          scgi_temp_path {{home}}/scgi;
          keepalive_requests 100000000;
          keepalive_timeout 10m;
          upstream provider { server 127.0.0.1:{{upstream}}; keepalive 256; keepalive_requests 100000000; }
          {{(authorizer is { } at ? $"upstream authorizer {{ server 127.0.0.1:{at}; keepalive 256; keepalive_requests 100000000; }}" : "")}}
          server {
            listen 127.0.0.1:{{port}} backlog=4096;
            location / {
              {{(authorizer is null ? "" : "auth_request /authorize;")}}
              proxy_pass http://provider;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_set_header Authorization "Bearer {{key}}";
              proxy_read_timeout 10m;
            }
            location = /authorize {
              internal;
              {{(authorizer is null ? "return 404;" : """
                proxy_pass http://authorizer;
                      proxy_http_version 1.1;
                      proxy_set_header Connection "";
                      proxy_pass_request_body off;
                      proxy_set_header Content-Length "";
                """)}}
            }
          }
        }

        """);
}
