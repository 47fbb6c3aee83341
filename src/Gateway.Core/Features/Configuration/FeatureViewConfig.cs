using System.Globalization;
using System.Text;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Configuration.Reading;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Features.Configuration;

/// <summary>What a view is: <c>view.json</c> in a folder with the view's name.</summary>
public sealed record FeatureViewConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "view.json";

    /// <summary>Longest row; a page of the log has to hold some.</summary>
    public const int MostRowBytes = 1 << 20;

    /// <summary>Least memory: 16 pages of the log and an index.</summary>
    public const long LeastMemoryBytes = 1L << 20;

    private const long MostMemoryBytes = 1L << 40;
    private const long LeastDiskBytes = 16L << 20;
    private const long MostDiskBytes = 1L << 44;
    private const double MostSeconds = 366 * 24 * 60 * 60;
    private const int MostNameLetters = 128;

    // As many pages as the least memory has: the log's head and tail have to be two of them, and rows are moved from one to the other.
    private const int LeastRowsOfMemory = 64;

    private static readonly MessageSchema Schema = new(
        FileName,
        ModelConfigSchema.Text("key"),
        ModelConfigSchema.Text("datatype"),
        ModelConfigSchema.Int64("shape").Many(),
        ModelConfigSchema.Double("ttl_seconds"),
        ModelConfigSchema.Text("missing"),
        ModelConfigSchema.Double("default").Many(),
        ModelConfigSchema.Int64("memory_bytes"),
        ModelConfigSchema.Int64("disk_bytes"),
        ModelConfigSchema.Text("sources").Many());

    public required string Name { get; init; }

    /// <summary><see cref="DataType.Bytes"/> or <see cref="DataType.Int64"/>.</summary>
    public DataType KeyType { get; init; } = DataType.Bytes;

    /// <summary>Type of a row's elements: any of fixed size.</summary>
    public DataType DataType { get; init; }

    /// <summary>A row's shape, all dimensions known; of a scalar, none.</summary>
    public TensorShape Row { get; init; }

    /// <summary>How long a row is of use after it was put, above 0; null for as long as it is there.</summary>
    public TimeSpan? TimeToLive { get; init; }

    public MissingKey Missing { get; init; }

    /// <summary>The row of a key that is missing, with <see cref="MissingKey.Default"/>: <see cref="RowBytes"/> bytes.</summary>
    public byte[] Default { get; init; } = [];

    /// <summary>Bytes of memory for the view's rows and their index, at least <see cref="LeastMemoryBytes"/>.</summary>
    public long MemoryBytes { get; init; } = 64L << 20;

    /// <summary>Most bytes on disk, at least 16 MiB; not used where the server keeps no views on disk.</summary>
    public long DiskBytes { get; init; } = 1L << 30;

    /// <summary>Files to load at the start: full paths.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Bytes of a row.</summary>
    public int RowBytes => Row.TryCountElements(out long elements) ? (int)Math.Min(elements * DataType.Size(), int.MaxValue) : 0;

    /// <summary>What rows that were kept have to be of to be this view's, as text.</summary>
    public string Kind => $"{KeyType.WireName()} {DataType.WireName()} {Row}";

    /// <summary>Whether a view may be called so: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, not first.</summary>
    public static bool IsName(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty || name.Length > MostNameLetters || name[0] == '.') return false;
        foreach (char letter in name)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '_' or '.')) return false;
        }

        return true;
    }

    /// <summary>Reads <c>view.json</c>; members it does not know are refused.</summary>
    /// <param name="folder">Where the file lies; its name is the view's, and sources start from it.</param>
    /// <param name="source">What errors call the file.</param>
    /// <exception cref="ModelConfigException">The settings cannot be used.</exception>
    public static FeatureViewConfig Read(ReadOnlySpan<byte> utf8, string folder, string source)
    {
        ConfigMessage message = JsonFormatReader.Read(ModelConfigReader.CheckedText(utf8, source), source, Schema);
        ConfigErrors errors = new(new ConfigSource(source, "$", message), source);
        FeatureViewConfig config = new()
        {
            Name = Path.GetFileName(folder),
            KeyType = message.Has("key") ? DataTypes.Parse(Encoding.UTF8.GetBytes(message.Text("key"))) : DataType.Bytes,
            DataType = DataTypes.Parse(Encoding.UTF8.GetBytes(message.Text("datatype"))),
            Row = ReadShape(message, errors),
            TimeToLive = !message.Has("ttl_seconds") ? null : message.Double("ttl_seconds") is > 0 and <= MostSeconds and var seconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero,
            Missing = message.Text("missing") == "default" ? MissingKey.Default : MissingKey.Error,
            Sources = [.. message.All<string>("sources").Select(file => Path.Combine(folder, file))],
        };
        if (message.Has("memory_bytes")) config = config with { MemoryBytes = message.Int("memory_bytes") };
        if (message.Has("disk_bytes")) config = config with { DiskBytes = message.Int("disk_bytes") };
        config.Check(message, errors);
        errors.ThrowIfAny();
        return config with { Default = config.ReadDefault(message, errors) };
    }

    private static TensorShape ReadShape(ConfigMessage message, ConfigErrors errors)
    {
        TensorShape shape = default;
        foreach (long dimension in message.All<long>("shape"))
        {
            if (dimension < 1) errors.Add("shape", $"'shape' must have dimensions of at least 1, got {dimension}");
            else if (!shape.TryAdd(dimension)) errors.Add("shape", $"'shape' must have at most {TensorShape.MaxRank - 1} dimensions");
        }

        return shape;
    }

    private void Check(ConfigMessage message, ConfigErrors errors)
    {
        if (!IsName(Name)) errors.Add("$", $"a view cannot be called '{Name}' (allowed letters, digits, '-', '_' and '.', {MostNameLetters} at most)");
        if (KeyType is not (DataType.Bytes or DataType.Int64)) errors.Add("key", $"'key' must be BYTES or INT64, got '{message.Text("key")}'");
        if (DataType.Size() == 0) errors.Add("datatype", $"'datatype' must be a type of fixed size, such as FP32, got '{message.Text("datatype")}'");
        if (!message.Has("shape")) errors.Add("$", "'shape' is missing: the dimensions of a row");
        if (Row.Rank == TensorShape.MaxRank || !Row.TryCountElements(out long elements) || elements > MostRowBytes || RowBytes > MostRowBytes) errors.Add("shape", $"a row must have at most {MostRowBytes} bytes and {TensorShape.MaxRank - 1} dimensions");
        else if (MemoryBytes < (long)LeastRowsOfMemory * RowBytes) errors.Add("memory_bytes", $"'memory_bytes' must be at least {LeastRowsOfMemory} rows, which are {(long)LeastRowsOfMemory * RowBytes} bytes, got {MemoryBytes}");
        if (TimeToLive == TimeSpan.Zero) errors.Add("ttl_seconds", "'ttl_seconds' must be more than 0 and at most a year");
        if (message.Has("missing") && message.Text("missing") is not ("error" or "default")) errors.Add("missing", $"'missing' must be 'error' or 'default', got '{message.Text("missing")}'");
        if (MemoryBytes is < LeastMemoryBytes or > MostMemoryBytes) errors.Add("memory_bytes", $"'memory_bytes' must be {LeastMemoryBytes} to {MostMemoryBytes}, got {MemoryBytes}");
        if (DiskBytes is < LeastDiskBytes or > MostDiskBytes) errors.Add("disk_bytes", $"'disk_bytes' must be {LeastDiskBytes} to {MostDiskBytes}, got {DiskBytes}");
        foreach (string file in message.All<string>("sources"))
        {
            if (file.Length == 0 || Path.IsPathRooted(file) || file.Split('/', '\\').Contains("..")) errors.Add("sources", $"'sources' must be files in the view's folder, got '{file}'");
        }
    }

    /// <summary>The default row: zeros, one value for all elements, or each.</summary>
    private byte[] ReadDefault(ConfigMessage message, ConfigErrors errors)
    {
        byte[] row = new byte[RowBytes];
        IReadOnlyList<double> values = message.All<double>("default");
        int size = DataType.Size();
        int elements = row.Length / size;
        if (values.Count > 0 && Missing != MissingKey.Default) errors.Add("default", "'default' needs \"missing\": \"default\"");
        if (values.Count > 1 && values.Count != elements) errors.Add("default", $"'default' must be one number for all elements, or {elements}, got {values.Count}");
        errors.ThrowIfAny();
        for (int i = 0; i < elements && values.Count > 0; i++)
        {
            double value = values[Math.Min(i, values.Count - 1)];
            byte[] text = Encoding.UTF8.GetBytes(value.ToString("R", CultureInfo.InvariantCulture));
            if (!RowNumbers.TryParse(DataType, text, row.AsSpan(i * size, size))) errors.Add("default", $"'default' has {value.ToString(CultureInfo.InvariantCulture)}, which is no {DataType.WireName()}");
        }

        errors.ThrowIfAny();
        return row;
    }
}
