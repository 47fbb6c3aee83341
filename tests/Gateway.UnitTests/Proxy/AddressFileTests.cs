using System.Text;
using Gateway.Server.Proxy.Destinations;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Proxy;

public sealed class AddressFileTests
{
    [Fact]
    public void Parse_Lines_AreAddressesWithWords()
    {
        IReadOnlyList<FoundAddress> found = AddressFile.Parse("# replicas\n\nhttp://10.0.0.1:8000 zone=a weight=2 # the large one\r\n\thttps://b/base\n");

        Assert.Equal(["http://10.0.0.1:8000/", "https://b/base"], found.Select(each => each.Address.AbsoluteUri));
        Assert.Equal([KeyValuePair.Create("weight", "2"), KeyValuePair.Create("zone", "a")], found[0].Metadata());
    }

    [Fact]
    public void Parse_Json_IsAsLines()
    {
        IReadOnlyList<FoundAddress> found = AddressFile.Parse("""[ "http://a", {"address": "http://b:1", "weight": 3, "zone": "z"} ]""");

        Assert.Equal(["http://a/", "http://b:1/"], found.Select(each => each.Address.AbsoluteUri));
        Assert.Equal([KeyValuePair.Create("weight", "3"), KeyValuePair.Create("zone", "z")], found[1].Metadata());
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("[]")]
    public void Parse_NoAddresses_AreNone(string text) => Assert.Empty(AddressFile.Parse(text));

    [Theory]
    [InlineData("http://a\nnonsense", "line 2: 'nonsense' is not valid")]
    [InlineData("dns+http://a", "line 1: 'dns+http://a' is to be looked up itself")]
    [InlineData("http://a weight", "line 1: 'weight' is not name=value")]
    [InlineData("http://a\nhttp://a/", "line 2: 'http://a/' is there more than once")]
    [InlineData("[ 1 ]", "entry 1: is neither an address nor an object that has one")]
    [InlineData("[ {\"address\": 1} ]", "entry 1: is neither an address nor an object that has one")]
    [InlineData("[ {\"address\": \"http://a\", \"zone\": \"a b\"} ]", "entry 1: 'zone=a b' is not name=value")]
    [InlineData("[ \"http://a\"", "Expected depth")]
    public void Parse_Mistake_SaysWhere(string text, string problem) => Assert.Contains(problem, Assert.Throws<FormatException>(() => AddressFile.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_TooMany_IsRefused() =>
        Assert.Contains("too many", Assert.Throws<FormatException>(() => AddressFile.Parse(string.Join('\n', Enumerable.Range(0, FoundAddresses.Most + 1).Select(i => $"http://h{i}")))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Find_WhileItIsWritten_SaysSo_AndThenFindsAll()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            ManualTimeProvider time = new();
            AddressFile file = new(path, time);
            await File.WriteAllTextAsync(path, "http://a\n", TestContext.Current.CancellationToken);
            Task<FoundAddresses> early = file.FindAsync(TestContext.Current.CancellationToken);
            await time.WhenTimerIsArmedAsync();

            await File.WriteAllTextAsync(path, "http://a\nhttp://b\n", TestContext.Current.CancellationToken);
            time.Advance(TimeSpan.FromMilliseconds(100));
            Assert.Contains("is being written", (await Assert.ThrowsAsync<ResolutionException>(() => early)).Message, StringComparison.Ordinal);

            Task<FoundAddresses> later = file.FindAsync(TestContext.Current.CancellationToken);
            await time.WhenTimerIsArmedAsync();
            time.Advance(TimeSpan.FromMilliseconds(100));
            Assert.Equal(2, (await later).Addresses.Count);

            // What is known needs no second look.
            Assert.Equal(2, (await file.FindAsync(TestContext.Current.CancellationToken)).Addresses.Count);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Parse_AnyText_IsReadOrRefused()
    {
        const int Seed = 20261126;
        Random random = new(Seed);
        string[] parts = ["http://a", "https://[::1]:80/x", "dns+http://b", "[", "]", "{", "}", "\"", "address", ":", ",", " ", "\n", "#", "=", "weight=1", "\ud800", "\\ud800", "\0", "é", "file:///x", "//"];
        for (int i = 0; i < 20_000; i++)
        {
            StringBuilder text = new();
            for (int part = random.Next(12); part > 0; part--) text.Append(random.Next(4) == 0 ? ((char)random.Next(0x250)).ToString() : parts[random.Next(parts.Length)]);
            try
            {
                Assert.All(AddressFile.Parse(text.ToString()), each => Assert.True(each.Address.Scheme is "http" or "https"));
            }
            catch (FormatException)
            {
                // That is what it is for.
            }
        }
    }
}
