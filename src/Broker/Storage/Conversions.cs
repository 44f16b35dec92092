using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Microsoft.EntityFrameworkCore.ValueGeneration;

namespace TokenBroker.Storage;

/// <summary>Times go in and come out as UTC; SQLite forgets the kind, PostgreSQL insists on it.</summary>
internal sealed class UtcConverter() : ValueConverter<DateTime, DateTime>(
    value => value.Kind == DateTimeKind.Utc ? value : value.ToUniversalTime(),
    value => DateTime.SpecifyKind(value, DateTimeKind.Utc));

internal static class StoredTime
{
    /// <summary>The time as every database gives it back: PostgreSQL keeps whole microseconds.</summary>
    public static DateTime AsStored(this DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), time.Kind);
}

/// <summary>Version 7 UUIDs sort by time, so that inserts land at the end of an index.</summary>
internal sealed class Version7Generator : ValueGenerator<Guid>
{
    public override bool GeneratesTemporaryValues => false;

    public override Guid Next(EntityEntry entry) => Guid.CreateVersion7();
}
