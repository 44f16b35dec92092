using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;
using TokenBroker.Storage;

namespace TokenBroker.Tests.Host;

/// <summary>
/// A PostgreSQL of the tests' own, in a temporary folder and on a free port, made when the first test asks for it. It ends with
/// the tests' process, however that ends: its keeper reads from this process and stops it at the end of its input.
/// Where no PostgreSQL is installed, it is installed now by apt, where this user may; else the tests fail and say how to mend it.
/// </summary>
internal sealed class PostgreSqlServer
{
    private const string Superuser = "postgres";

    /// <summary>As who the brokers come: a user with no right but to own their databases.</summary>
    private const string User = "tokenbroker";

    /// <summary>$1 the folder, the rest the server's command. It must not outlive the tests, nor leave its files.</summary>
    private const string Keeper = "exec >/dev/null 2>&1; folder=$1; shift; \"$@\" >\"$folder/log\" 2>&1 </dev/null & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf \"$folder\"";

    private static readonly Lazy<Task<PostgreSqlServer>> Started = new(StartAsync);
    private static readonly Lazy<Task<string>> Migrated = new(MigrateAsync);
    private static readonly ConcurrentDictionary<string, Task<string>> OfDirectories = new();
    private readonly Process _keeper;
    private readonly string _password;
    private readonly int _port;

    private PostgreSqlServer(Process keeper, string password, int port) => (_keeper, _password, _port) = (keeper, password, port);

    /// <summary>Whether every test's broker runs on PostgreSQL; see CONTRIBUTING.md.</summary>
    public static bool IsForAll { get; } = Environment.GetEnvironmentVariable("TOKENBROKER_TESTS_ON") == StorageOptions.PostgreSql;

    /// <summary>A new, empty database.</summary>
    /// <returns>How to connect to it.</returns>
    public static Task<string> NewDatabaseAsync() => CreateAsync("");

    /// <summary>The database of a folder: the same for every broker that starts on it.</summary>
    public static Task<string> OfDirectoryAsync(string directory, bool withTables) =>
        OfDirectories.GetOrAdd(Path.GetFullPath(directory), _ => withTables ? NewTablesAsync() : NewDatabaseAsync());

    /// <summary>Copies the database of a broker that is stopped, for those who start on a copy of its folder.</summary>
    public static async Task CopyAsync(BrokerHost stopped, string directory)
    {
        if (stopped.OwnDatabase is not null)
        {
            var copy = await CreateAsync($"TEMPLATE {new NpgsqlConnectionStringBuilder(stopped.OwnDatabase).Database}");
            OfDirectories[Path.GetFullPath(directory)] = Task.FromResult(copy);
        }
    }

    /// <summary>A new database with empty tables, copied from one that was migrated once.</summary>
    /// <returns>How to connect to it.</returns>
    public static async Task<string> NewTablesAsync() => await CreateAsync($"TEMPLATE {await Migrated.Value}");

    /// <summary>Shuts a database, and everybody out of it, or opens it again.</summary>
    public static async Task LetInAsync(string connectionString, bool everybody)
    {
        var (server, name) = (await Started.Value, new NpgsqlConnectionStringBuilder(connectionString).Database);
        await RunAsync(server.ConnectionString("postgres", Superuser), $"ALTER DATABASE {name} ALLOW_CONNECTIONS {everybody}");
        if (!everybody)
        {
            await RunAsync(server.ConnectionString("postgres", Superuser), $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        }
    }

    /// <summary>Runs one of PostgreSQL's own programs, such as pg_dump, on a database as an operator would.</summary>
    public static async Task RunToolAsync(string program, string connectionString, params string[] arguments)
    {
        var connection = new NpgsqlConnectionStringBuilder(connectionString);
        await RunAsync(
            [
                "env", $"PGHOST={connection.Host}", $"PGPORT={connection.Port}", $"PGUSER={connection.Username}", $"PGPASSWORD={connection.Password}",
                Path.Combine(FindPrograms(), program), .. arguments,
            ]);
    }

    public static async Task<List<string>> TablesAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var tables = new List<string>();
        while (await reader.ReadAsync())
        {
            tables.Add(reader.GetString(0));
        }

        return tables;
    }

    /// <summary>Runs SQL as an operator would, past the broker.</summary>
    public static async Task RunAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> CreateAsync(string how)
    {
        var server = await Started.Value;
        var name = $"t{Guid.NewGuid():N}";
        await RunAsync(server.ConnectionString("postgres", Superuser), $"CREATE DATABASE {name} OWNER {User} {how}");
        return server.ConnectionString(name);
    }

    private static async Task<string> MigrateAsync()
    {
        // A database is copied while nobody is connected to it.
        var connection = new NpgsqlConnectionStringBuilder(await CreateAsync("")) { Pooling = false };
        await using var db = BareDatabase.OpenPostgreSql(connection.ConnectionString);
        await db.PrepareAsync(CancellationToken.None);
        return connection.Database!;
    }

    private string ConnectionString(string database, string user = User) =>
        $"Host=127.0.0.1;Port={_port};Username={user};Password={_password};Database={database};Maximum Pool Size=40";

    private static async Task<PostgreSqlServer> StartAsync()
    {
        var programs = FindPrograms();
        var folder = Directory.CreateTempSubdirectory("tokenbroker-pg-").FullName;
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        await File.WriteAllTextAsync(Path.Combine(folder, "password"), password);

        // PostgreSQL refuses to run as root. This becomes the other program, and passes signals on by being it.
        var user = await UnprivilegedAsync();
        string[] prefix = Environment.UserName == "root" ? ["setpriv", $"--reuid={user.Id}", $"--regid={user.Group}", "--clear-groups"] : [];
        if (prefix.Length > 0)
        {
            await RunAsync("chown", "-R", $"{user.Id}:{user.Group}", folder);
        }

        var data = Path.Combine(folder, "data");
        await RunAsync([.. prefix, Path.Combine(programs, "initdb"), "-D", data, "-U", Superuser, "-A", "scram-sha-256", "--pwfile", Path.Combine(folder, "password"), "-E", "UTF8", "--locale=C", "--no-sync"]);
        var port = Ports.Next();
        var start = new ProcessStartInfo("sh") { UseShellExecute = false, RedirectStandardInput = true, WorkingDirectory = folder };
        foreach (var argument in (string[])["-c", Keeper, "sh", folder, .. prefix, Path.Combine(programs, "postgres"), "-D", data, "-p", port.ToString(CultureInfo.InvariantCulture), "-k", folder,
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=400"])
        {
            start.ArgumentList.Add(argument);
        }

        var server = new PostgreSqlServer(Process.Start(start)!, password, port);
        await server.IsReadyAsync(Path.Combine(folder, "log"));
        await RunAsync(server.ConnectionString("postgres", Superuser), $"CREATE ROLE {User} LOGIN PASSWORD '{password}'");
        return server;
    }

    private async Task IsReadyAsync(string log)
    {
        var answer = await Eventually.IsAsync(
            async () =>
            {
                try
                {
                    await RunAsync(ConnectionString("postgres", Superuser), "SELECT 1");
                    return "ready";
                }
                catch (NpgsqlException exception)
                {
                    return exception.Message;
                }
            },
            answer => answer == "ready" || _keeper.HasExited);
        if (answer != "ready")
        {
            throw new InvalidOperationException($"PostgreSQL did not start: {answer}\n{(File.Exists(log) ? await File.ReadAllTextAsync(log) : "")}");
        }
    }

    private static string FindPrograms()
    {
        var log = "";
        if (Installed() is null && OperatingSystem.IsLinux() && Environment.UserName == "root" && File.Exists("/usr/bin/apt-get"))
        {
            log = Try("apt-get", "update") + Try("apt-get", "install", "-y", "--no-install-recommends", "postgresql");
        }

        return Installed() ?? throw new InvalidOperationException($"The tests of several nodes need PostgreSQL's own programs. Install it (Debian: 'apt-get install postgresql').\n{log}");
    }

    /// <summary>Debian keeps each version in a folder of its own, off the path; the newest is taken.</summary>
    private static string? Installed()
    {
        const string Debian = "/usr/lib/postgresql";
        var versions = Directory.Exists(Debian) ? Directory.GetDirectories(Debian) : [];
        return versions.OrderByDescending(version => int.TryParse(Path.GetFileName(version), out var number) ? number : 0).Select(version => Path.Combine(version, "bin"))
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
            .Append("/opt/homebrew/opt/postgresql/bin")
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }

    private static async Task<(string Id, string Group)> UnprivilegedAsync()
    {
        var users = (await File.ReadAllLinesAsync("/etc/passwd")).Select(line => line.Split(':')).Where(fields => fields.Length > 3).ToList();
        var user = users.Find(fields => fields[0] == "postgres") ?? users.Find(fields => fields[0] == "nobody");
        return user is null ? ("65534", "65534") : (user[2], user[3]);
    }

    private static async Task RunAsync(params string[] command)
    {
        var said = await Task.Run(() => Try(command[0], command[1..]));
        if (!said.Contains(": exit code 0\n", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(said);
        }
    }

    private static string Try(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("sh", ["-c", "exec \"$@\" 2>&1", "sh", program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, WorkingDirectory = Path.GetTempPath() };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{said}\n";
    }
}
