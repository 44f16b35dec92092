using System.Diagnostics;
using Npgsql;

namespace TokenBroker.Tests.Host;

/// <summary>Reads what a broker stores. The files one that runs it holds for itself alone, some of them, which binds those who ask; a thief does not.</summary>
internal static class DataFiles
{
    /// <summary>Every file of its folder; on PostgreSQL also the rows of each table, as they are on the wire.</summary>
    public static async Task<List<(string Name, byte[] Bytes)>> AllOfAsync(BrokerHost broker)
    {
        List<(string, byte[])> all = [];
        foreach (var file in Directory.GetFiles(broker.DataDirectory, "*", SearchOption.AllDirectories))
        {
            if (Read(file) is { } bytes)
            {
                all.Add(("file: " + Path.GetFileName(file), bytes));
            }
        }

        if (broker.OwnDatabase is { } database)
        {
            await using var connection = new NpgsqlConnection(database);
            await connection.OpenAsync();
            foreach (var table in await PostgreSqlServer.TablesAsync(connection))
            {
                using var rows = new MemoryStream();
                await using (var copy = await connection.BeginRawBinaryCopyAsync($"COPY \"{table}\" TO STDOUT (FORMAT BINARY)"))
                {
                    await copy.CopyToAsync(rows);
                }

                all.Add(("table: " + table, rows.ToArray()));
            }
        }

        return all;
    }

    /// <returns>Null where it is gone: the database's side files come and go while it is in use.</returns>
    /// <exception cref="IOException">It is there and cannot be read.</exception>
    public static byte[]? Read(string path)
    {
        var start = new ProcessStartInfo("cat", [path]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["LC_ALL"] = "C";
        using var cat = Process.Start(start)!;
        using var memory = new MemoryStream();
        cat.StandardOutput.BaseStream.CopyTo(memory);
        var complaint = cat.StandardError.ReadToEnd();
        cat.WaitForExit();
        return cat.ExitCode == 0 ? memory.ToArray()
            : complaint.Contains("No such file", StringComparison.Ordinal) ? null
            : throw new IOException($"{path} could not be read: {complaint}");
    }
}
