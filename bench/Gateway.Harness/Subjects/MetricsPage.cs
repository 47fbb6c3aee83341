using System.Globalization;
using System.Net;

namespace Gateway.Harness.Subjects;

/// <summary>Reads the gateway's own counters.</summary>
internal static class MetricsPage
{
    /// <summary>The value of one metric, all its labels added up.</summary>
    /// <param name="name">Name and, to take only some, the beginning of the labels.</param>
    /// <exception cref="InvalidDataException">The server does not export it.</exception>
    public static double Read(int port, string name)
    {
        using HttpClient client = new();
        string page = client.GetStringAsync(new UriBuilder("http", $"{IPAddress.Loopback}", port, "metrics").Uri).GetAwaiter().GetResult();
        double[] values =
        [
            .. page.Split('\n')
                .Where(line => line.StartsWith(name, StringComparison.Ordinal) && (name.Contains('{') || line[name.Length] is ' ' or '{'))
                .Select(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture)),
        ];
        return values.Length > 0 ? values.Sum() : throw new InvalidDataException($"the server exports no metric {name}");
    }

    /// <summary>Likewise; 0 for what the server does not export.</summary>
    public static double ReadOrZero(int port, string name)
    {
        try
        {
            return Read(port, name);
        }
        catch (InvalidDataException)
        {
            return 0;
        }
    }
}
